"""Where the simulator's figures come from: made up, given by the user, or recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from .._pb import capital_distribution_pb2, capital_flow_pb2
from ..models import CapitalDistribution, FlowPoint, Period, Security
from ._capital_flow import capital_flow
from ._kinds import kind_of
from ._market_data import Figures, figures, without_amounts, zone_of
from .assumptions import Assumptions, KindAnswer

if TYPE_CHECKING:
    from ..recording import Recording
    from ..recording.player import Player

GivenFigures: TypeAlias = (
    Mapping[str, CapitalDistribution] | Callable[[str], CapitalDistribution | None]
)
"""Figures by code, or a function from a code to its figures, None for an unknown one."""


class Replay(NamedTuple):
    """How a recording is played: see Simulator."""

    recording: Recording | str | os.PathLike[str] | None
    speed: float
    start: datetime | None
    nights: bool


class Rejected(Exception):
    """A source has no answer. ``reason`` is the name of one of the handler's texts."""

    def __init__(self, reason: Literal["unknown", "unsupported", "wrong_arguments"]) -> None:
        super().__init__(reason)
        self.reason = reason


class Source(Protocol):
    """Figures as replies to requests. Both methods raise Rejected."""

    def capital_distribution(self, security: Security) -> capital_distribution_pb2.S2C:
        """Return the figures of a security at this moment."""
        ...

    def capital_flow(self, security: Security, c2s: capital_flow_pb2.C2S) -> capital_flow_pb2.S2C:
        """Return the flow that a request asks for."""
        ...


class GeneratedSource:
    """Plausible figures of any security, by a seed."""

    def __init__(
        self, seed: int, now: Callable[[], float], assumptions: Assumptions, *, super_fields: bool
    ) -> None:
        self._seed = seed
        self._assumptions = assumptions
        self._now = now
        self._super_fields = super_fields

    def capital_distribution(self, security: Security) -> capital_distribution_pb2.S2C:
        """Return the figures of a security at this moment."""
        answer = self._answer_to(security)
        made = figures(str(security), self._seed, self._now())
        if answer == "zeros":
            made = without_amounts(made)
        s2c = capital_distribution_pb2.S2C(
            capitalInBig=made.in_big,
            capitalInMid=made.in_mid,
            capitalInSmall=made.in_small,
            capitalOutBig=made.out_big,
            capitalOutMid=made.out_mid,
            capitalOutSmall=made.out_small,
            updateTime=self._update_time(security, made),
        )
        if self._assumptions.update_timestamp:
            s2c.updateTimestamp = made.timestamp
        if self._super_fields:
            s2c.capitalInSuper = made.in_super
            s2c.capitalOutSuper = made.out_super
        return s2c

    def capital_flow(self, security: Security, c2s: capital_flow_pb2.C2S) -> capital_flow_pb2.S2C:
        """Return a flow that fits the figures."""
        self._answer_to(security)
        code = str(security)
        s2c = capital_flow(
            c2s,
            lambda at: figures(code, self._seed, at),
            self._now(),
            super_fields=self._super_fields,
        )
        if s2c is None:
            raise Rejected("wrong_arguments")
        return s2c

    def _answer_to(self, security: Security) -> KindAnswer:
        """Return what the security gets. Raises Rejected for one that gets an error."""
        if set(security.symbol) == {"9"}:
            raise Rejected("unknown")
        answer = self._assumptions.answer_to(kind_of(security))
        if answer in ("unknown", "unsupported"):
            raise Rejected(answer)
        return answer

    def _update_time(self, security: Security, made: Figures) -> str:
        zone = self._assumptions.update_zones.get(security.market.name)
        if zone is None:
            return made.text
        return datetime.fromtimestamp(made.timestamp, zone).strftime("%Y-%m-%d %H:%M:%S")


class GivenSource:
    """Figures that the user gave; any other security, and any flow, is unknown."""

    def __init__(self, given: GivenFigures, *, super_fields: bool) -> None:
        if isinstance(given, Mapping):
            for code, found in given.items():
                Security.parse(code)
                _checked(found, code)
        elif not callable(given):
            kind = type(given).__name__
            raise TypeError(f"figures are given by code, or by a function, not as {kind}")
        self._get = given.get if isinstance(given, Mapping) else given
        self._super_fields = super_fields

    def capital_distribution(self, security: Security) -> capital_distribution_pb2.S2C:
        """Return the figures given for a security."""
        code = str(security)
        return _distribution(_checked(self._get(code), code), super_fields=self._super_fields)

    def capital_flow(self, security: Security, c2s: capital_flow_pb2.C2S) -> capital_flow_pb2.S2C:
        """Reject it: no flow was given."""
        raise Rejected("unknown")


class RecordedSource:
    """Figures and flows of a recording; what was not recorded is unknown."""

    def __init__(self, player: Player, *, super_fields: bool) -> None:
        self._player = player
        self._super_fields = super_fields

    def capital_distribution(self, security: Security) -> capital_distribution_pb2.S2C:
        """Return the figures of a security at the recorded moment."""
        found = self._player.distribution(str(security))
        return _distribution(found, super_fields=self._super_fields)

    def capital_flow(self, security: Security, c2s: capital_flow_pb2.C2S) -> capital_flow_pb2.S2C:
        """Return what was known of a flow at the recorded moment."""
        try:
            period = Period(c2s.periodType)
            # The vendor's client adds "00:00:00" or "23:59:59".
            first = date.fromisoformat(c2s.beginTime[:10]) if c2s.beginTime else date.min
            last = date.fromisoformat(c2s.endTime[:10]) if c2s.endTime else date.max
        except ValueError:
            raise Rejected("wrong_arguments") from None
        flow = self._player.flow(str(security), period)
        if flow is None:
            raise Rejected("unknown")
        if period != Period.INTRADAY:
            points = [p for p in flow.points if p.day is None or first <= p.day <= last]
            flow = flow.model_copy(update={"points": tuple(points)})
        now = self._player.now()
        asked_at = datetime.fromtimestamp(now, zone_of(security.market.name))
        return capital_flow_pb2.S2C(
            flowItemList=[_item(point, super_fields=self._super_fields) for point in flow.points],
            lastValidTime=asked_at.strftime("%Y-%m-%d %H:%M:%S"),
            lastValidTimestamp=int(now),
        )


def player_of(replay: Replay, now: Callable[[], float]) -> Player | None:
    """Return what plays the recording; None if there is none. ValueError for wrong arguments."""
    recording, speed, start, nights = replay
    if recording is None:
        if speed != 1.0 or start is not None or nights:
            raise ValueError("speed, start and nights are those of a recording: give one")
        return None
    from ..recording.player import Player

    own_clock = None if now is time.time else now
    return Player(recording, speed=speed, start=start, nights=nights, now=own_clock)


def source_of(
    player: Player | None,
    given: GivenFigures | None,
    seed: int,
    now: Callable[[], float],
    assumptions: Assumptions,
    *,
    super_fields: bool,
) -> Source:
    """Return the source that the arguments mean. ValueError for two."""
    if player is not None and given is not None:
        raise ValueError("figures are either given or recorded, not both")
    if player is not None:
        return RecordedSource(player, super_fields=super_fields)
    if given is not None:
        return GivenSource(given, super_fields=super_fields)
    return GeneratedSource(seed, now, assumptions, super_fields=super_fields)


def _checked(found: object, code: str) -> CapitalDistribution | None:
    if found is None or isinstance(found, CapitalDistribution):
        return found
    kind = type(found).__name__
    raise TypeError(f"figures of {code} are a CapitalDistribution, or None, not {kind}")


def _distribution(
    found: CapitalDistribution | None, *, super_fields: bool
) -> capital_distribution_pb2.S2C:
    if found is None:
        raise Rejected("unknown")
    return capital_distribution_pb2.S2C(
        capitalInSuper=found.capital_in_super if super_fields else None,
        capitalInBig=found.capital_in_big,
        capitalInMid=found.capital_in_mid,
        capitalInSmall=found.capital_in_small,
        capitalOutSuper=found.capital_out_super if super_fields else None,
        capitalOutBig=found.capital_out_big,
        capitalOutMid=found.capital_out_mid,
        capitalOutSmall=found.capital_out_small,
        updateTime=found.update_time,
        updateTimestamp=_timestamp(found.updated_at),
    )


def _item(point: FlowPoint, *, super_fields: bool) -> capital_flow_pb2.CapitalFlowItem:
    return capital_flow_pb2.CapitalFlowItem(
        time=point.time,
        timestamp=_timestamp(point.at),
        inFlow=point.in_flow,
        mainInFlow=point.main_in_flow,
        superInFlow=point.super_in_flow if super_fields else None,
        bigInFlow=point.big_in_flow,
        midInFlow=point.mid_in_flow,
        smlInFlow=point.sml_in_flow,
    )


def _timestamp(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
