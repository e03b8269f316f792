"""Many codes, as they come: no task, future or event for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import anyio.lowlevel

from ._loop import new_waiter
from ._sweep_lane import SweepLane
from .errors import AiocapdistError
from .models import CapitalDistribution, Outcome

READ_AT_ONCE = 256
"""Outcomes handed out without a pause at most: others on the loop get their turn."""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole sweep's outcomes, both parts in the order of the codes given."""

    values: dict[str, CapitalDistribution]
    errors: dict[str, AiocapdistError]


class Sweep:
    """Many codes' figures, as they come: iterate once, or :meth:`collect`.

    Every code gives one :class:`Outcome`, a bad one too, and none ends the sweep. Codes
    are drawn from the iterable as the quota lets them go, not ahead; an exception that
    the iterable raises is raised here after what was asked before. Leaving the loop early
    spends no further token. Source: proto 3212.
    """

    def __init__(
        self, codes: Iterable[str], make_lane: Callable[[Iterable[str]], SweepLane]
    ) -> None:
        self._codes = codes
        self._make_lane = make_lane
        self._lane: SweepLane | None = None

    def __aiter__(self) -> SweepReader:
        if self._lane is not None:
            raise RuntimeError("a sweep is iterated once; ask for another")
        self._lane = self._make_lane(self._codes)
        return SweepReader(self._lane)

    async def collect(self) -> Report:
        """All outcomes, in the order of the codes given. Cancelling leaves the sweep."""
        if not isinstance(self._codes, Collection):
            self._codes = list(self._codes)
        outcomes = {outcome.code: outcome async for outcome in self}
        values: dict[str, CapitalDistribution] = {}
        errors: dict[str, AiocapdistError] = {}
        for code in self._codes:
            outcome = outcomes[code if isinstance(code, str) else repr(code)]
            if outcome.value is not None:
                values[outcome.code] = outcome.value
            else:
                assert outcome.error is not None
                errors[outcome.code] = outcome.error
        return Report(values, errors)

    async def aclose(self) -> None:
        """Leave the sweep: no further token is spent for it. Repeatable."""
        if self._lane is not None:
            self._lane.leave()


class SweepReader:
    """One iteration of a sweep. When it is dropped, as at ``break``, the sweep is left."""

    def __init__(self, lane: SweepLane) -> None:
        self._lane = lane
        self._read = 0
        lane.start()

    def __aiter__(self) -> SweepReader:
        return self

    async def __anext__(self) -> Outcome:
        lane = self._lane
        self._read += 1
        if self._read % READ_AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
        while not lane.unread:
            if lane.finished:
                lane.leave()
                raise lane.failure or StopAsyncIteration
            lane.reader = new_waiter()
            try:
                await lane.reader
            finally:
                lane.reader = None
        outcome = lane.unread.popleft()
        lane.caught_up()
        return outcome

    async def aclose(self) -> None:
        """Leave the sweep. Repeatable."""
        self._lane.leave()

    def __del__(self) -> None:
        self._lane.leave()
