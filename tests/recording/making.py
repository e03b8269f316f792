"""Figures to record, and what a watch gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import anyio.lowlevel

from aiocapdist import AiocapdistError, CapitalDistribution, CapitalFlow, FlowPoint, Market, Period
from aiocapdist.recording import Recording

START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A time of the recorded day."""
    return START + timedelta(seconds=seconds)


def figures(
    code: str = "HK.00700", second: float | None = 0, **changed: Any
) -> CapitalDistribution:
    """Figures of a code at a second of the day, or at no known time; amounts tell which."""
    values: dict[str, Any] = {
        "code": code,
        "market": Market[code.partition(".")[0]],
        "capital_in_super": 0.1 + (second or 0),
        "capital_in_big": 1.0,
        "capital_in_mid": 2.0,
        "capital_in_small": 3.0,
        "capital_out_super": 4.0,
        "capital_out_big": 5.0,
        "capital_out_mid": 6.0,
        "capital_out_small": 7.0,
        "update_time": None if second is None else "2026-03-02 09:30:00",
        "updated_at": None if second is None else at(second),
    }
    return CapitalDistribution(**{**values, **changed})


class Change(NamedTuple):
    """What a watch gives."""

    code: str
    value: CapitalDistribution | CapitalFlow | None = None
    error: AiocapdistError | None = None
    seen_at: datetime = START


class FakeWatch:
    """A watch with these changes, and then its end. Each iteration has a reader of its own."""

    def __init__(self, *changes: Change) -> None:
        self.changes = changes
        self.closed = 0

    def __aiter__(self) -> FakeWatchReader:
        return FakeWatchReader(self)


class FakeWatchReader:
    """One iteration."""

    def __init__(self, watch: FakeWatch) -> None:
        self._watch = watch
        self._left = iter(watch.changes)

    def __aiter__(self) -> FakeWatchReader:
        return self

    async def __anext__(self) -> Change:
        await anyio.lowlevel.checkpoint()
        for change in self._left:
            return change
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Count it."""
        self._watch.closed += 1


async def everything(recording: Recording, *args: Any, **options: Any) -> list[CapitalDistribution]:
    """All that is read."""
    return [value async for value in recording.read(*args, **options)]


def point(time: datetime | None, net: float = 0.0, **changed: Any) -> FlowPoint:
    """A point of a flow, as OpenD sends it for Hong Kong."""
    local = None if time is None else time + timedelta(hours=8)
    values: dict[str, Any] = {
        "at": time,
        "time": None if local is None else f"{local:%Y-%m-%d %H:%M:%S}",
        "day": None if local is None else local.date(),
        "in_flow": net,
        "super_in_flow": net + 0.1,
        "big_in_flow": net - 0.1,
        "mid_in_flow": None,
        "sml_in_flow": 0.0,
    }
    return FlowPoint(**{**values, **changed})


def flow(*points: FlowPoint, code: str = "HK.00700", **changed: Any) -> CapitalFlow:
    """A flow of these points."""
    values = {"code": code, "market": Market.HK, "period": Period.INTRADAY, "points": points}
    last = {"last_valid_time": "2026-03-02 16:00:00", "last_valid_at": at(99)}
    return CapitalFlow(**{**values, **last, **changed})


class Hand:
    """A clock moved by hand, in seconds of the recorded day."""

    def __init__(self) -> None:
        self.second = 0.0

    def __call__(self) -> float:
        return START.timestamp() + self.second


async def record(where: str, *given: Any) -> None:
    """Add these values to a recording."""
    async with Recording(where) as recording:
        await recording.add(*given)
