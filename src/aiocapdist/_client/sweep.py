"""Many codes, as they come: no task, future or event for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

import anyio.lowlevel

from .._loop import new_waiter, threadsafe_scheduler
from .._requests.sweep_source import SweepSource, shown_as
from ..errors import AiocapdistError
from ..models import CapitalDistribution, Outcome, SweepResult

REFILL_EVERY = 128
"""Outcomes handed out at most before others on the loop get their turn, and before it is seen
to that more are under way."""


class Sweep:
    """Many codes' figures, as they come: iterate once, or :meth:`collect`.

    Every code gives one :class:`Outcome`, a bad one too, and none ends the sweep. Codes
    are drawn from the iterable as the quota lets them go, not ahead; an exception that
    the iterable raises is raised here after what was asked before. Leaving the loop early
    spends no further token, and cancelling leaves it. Source: proto 3212.
    """

    def __init__(
        self, codes: Iterable[str], make_source: Callable[[Iterable[str]], SweepSource]
    ) -> None:
        self._codes = codes
        self._make_source = make_source
        self._source: SweepSource | None = None

    def __aiter__(self) -> SweepReader:
        if self._source is not None:
            raise RuntimeError("a sweep is iterated once; ask for another")
        self._source = self._make_source(self._codes)
        return SweepReader(self._source)

    async def collect(self) -> SweepResult:
        """All outcomes, in the order of the codes given. Cancelling leaves the sweep."""
        if not isinstance(self._codes, Collection):
            self._codes = list(self._codes)
        outcomes = {outcome.code: outcome async for outcome in self}
        values: dict[str, CapitalDistribution] = {}
        errors: dict[str, AiocapdistError] = {}
        for code in self._codes:
            outcome = outcomes[shown_as(code)]
            if outcome.value is not None:
                values[outcome.code] = outcome.value
            else:
                assert outcome.error is not None
                errors[outcome.code] = outcome.error
        return SweepResult(values, errors)

    async def aclose(self) -> None:
        """Leave the sweep: no further token is spent for it. Repeatable."""
        if self._source is not None:
            self._source.leave()


class SweepReader:
    """One iteration of a sweep. When it is dropped, as at ``break``, or cancelled while it
    waits, the sweep is left."""

    def __init__(self, source: SweepSource) -> None:
        self._source = source
        self._soon = threadsafe_scheduler()
        self._unread = source.unread
        self._until_refill = REFILL_EVERY
        source.start()

    def __aiter__(self) -> SweepReader:
        return self

    async def __anext__(self) -> Outcome:
        unread = self._unread
        if not unread or not self._until_refill:
            await self._refill()
        self._until_refill -= 1
        return unread.popleft()

    async def _refill(self) -> None:
        """See that more is under way, let others have their turn, and wait for an outcome."""
        source = self._source
        if source.reader is not None:
            raise RuntimeError("two tasks read one sweep; let one read, or make a sweep for each")
        try:
            if not self._until_refill:
                await anyio.lowlevel.checkpoint()
            self._until_refill = REFILL_EVERY
            source.outcomes_read()
            while not self._unread:
                if source.finished:
                    raise source.failure or StopAsyncIteration
                source.reader = new_waiter()
                try:
                    await source.reader
                finally:
                    source.reader = None
                source.outcomes_read()
        except BaseException:
            # At its end; and when cancelled, since whoever keeps the cancelled task keeps this
            # reader too, by the traceback, and it would go on spending tokens for nobody.
            source.leave()
            raise

    async def aclose(self) -> None:
        """Leave the sweep. Repeatable."""
        self._source.leave()

    def __del__(self) -> None:
        # Not at once: garbage is collected in the middle of anything, and in any thread.
        if not self._source.left:
            with suppress(RuntimeError):  # the loop has ended, and all of the sweep with it
                self._soon(self._source.leave)
