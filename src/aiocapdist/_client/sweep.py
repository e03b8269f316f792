"""A sweep: the figures of many securities, without a task, future or event for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from .._loop import new_waiter, threadsafe_scheduler
from .._requests.given_codes import COUNTED_AT_ONCE, shown_as
from .._requests.queue import RequestQueue
from .._requests.single_flight import Distributions
from .._requests.sweep_source import SweepSource
from ..errors import AiocapdistError
from ..models import CapitalDistribution, Outcome, Security
from . import guesses

if TYPE_CHECKING:
    from ..models import SweepResult

REFILL_EVERY = 128
"""Number of outcomes returned at most before other tasks run and further codes are drawn."""

NOT_AWAITED = guesses.sweep_names("await client.capital_distributions(codes)")


class Sweep:
    """The figures of many securities: iterate over them as they come, or await them all. Once.

    Every code gives one :class:`Outcome`, a wrong code too, and none ends the sweep. Codes
    are drawn from the iterable as the quota allows requests, not ahead; an exception that
    the iterable raises is raised here after the outcomes of the codes before it. Leaving the
    loop early spends no further token, and cancelling leaves it. Source: proto 3212.
    """

    def __init__(
        self,
        codes: Iterable[str | Security],
        singles: RequestQueue,
        single_flight: Distributions,
        client: object,
        *,
        timeout: float | None,
        max_age: float,
    ) -> None:
        self._codes = codes
        self._make_source: Callable[[Iterable[str | Security]], SweepSource] = partial(
            SweepSource,
            singles=singles,
            single_flight=single_flight,
            timeout=timeout,
            max_age=max_age,
        )
        self._client = client
        self._source: SweepSource | None = None

    def __aiter__(self) -> SweepReader:
        if self._source is not None:
            raise RuntimeError("a sweep is iterated once; ask for another")
        source = self._make_source(self._codes)
        source.queue.hub.check_loop()
        self._source = source
        return SweepReader(source, self._client)

    if not TYPE_CHECKING:
        __iter__ = guesses.use_instead(
            "a sweep is iterated by `async for`, or awaited; without asyncio: aiocapdist.sync"
        )
        __getitem__ = guesses.use_instead(NOT_AWAITED["values"])

        def __getattr__(self, name: str) -> Any:
            raise guesses.named_otherwise(self, name, NOT_AWAITED)

    def __await__(self) -> Generator[Any, Any, SweepResult]:
        return self.collect().__await__()

    @guesses.explain_arguments(guesses.COLLECT_ARGUMENTS)
    async def collect(self) -> SweepResult:
        """Return all outcomes, in the order of the codes given. Awaiting the sweep does the same.

        Cancelling leaves the sweep.
        """
        from ..models import SweepResult

        if not isinstance(self._codes, Collection):
            self._codes = list(self._codes)
        answers: dict[str, CapitalDistribution | AiocapdistError | None] = {}
        async for outcome in self:
            answers[outcome.code] = outcome.error or outcome.value
        values: dict[str, CapitalDistribution] = {}
        errors: dict[str, AiocapdistError] = {}
        for number, given in enumerate(self._codes, 1):
            code = shown_as(given)
            answer = answers[code]
            if isinstance(answer, AiocapdistError):
                errors[code] = answer
            elif answer is not None:
                values[code] = answer
            if not number % COUNTED_AT_ONCE:
                await anyio.lowlevel.checkpoint()  # of 300,000 codes this takes a while
        return SweepResult(values, errors)

    async def aclose(self) -> None:
        """Leave the sweep: no further token is spent for it. Repeatable."""
        if self._source is not None:
            self._source.leave()


class SweepReader:
    """One iteration of a sweep. When it is dropped, as at ``break``, or cancelled while it
    waits, the sweep is left. It keeps its client from being dropped."""

    def __init__(self, source: SweepSource, client: object) -> None:
        self._source = source
        self._client = client
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
        """Draw further codes, let other tasks run, and wait for an outcome."""
        source = self._source
        source.queue.hub.check_loop()
        if source.reader is not None:
            raise RuntimeError("two tasks read one sweep; let one read, or make a sweep for each")
        try:
            if not source.started:
                await self._start()
            elif not self._until_refill:
                await anyio.lowlevel.checkpoint()
            self._until_refill = REFILL_EVERY
            source.outcomes_read()
            while not self._unread:
                if source.finished:
                    raise source.failure or StopAsyncIteration
                await self._wait()
                source.outcomes_read()
        except BaseException:
            # At the end; and when cancelled, since a cancelled task that is kept keeps this reader
            # by its traceback, and tokens would be spent for nobody.
            source.leave()
            raise

    async def _start(self) -> None:
        """Count the codes of a large collection, with other tasks in between."""
        source = self._source
        source.reader = new_waiter()  # so that a second task that reads gets its error
        try:
            while not source.started:
                await anyio.lowlevel.checkpoint()
                source.start()
        finally:
            source.reader = None

    async def _wait(self) -> None:
        """Wait for an outcome, until the sweep's deadline at most."""
        source = self._source
        source.reader = new_waiter()
        try:
            if source.deadline is None:
                await source.reader
                return
            with anyio.CancelScope(deadline=source.deadline):
                await source.reader
        finally:
            source.reader = None

    async def aclose(self) -> None:
        """Leave the sweep. Repeatable."""
        self._source.leave()

    def __del__(self) -> None:
        # Not at once: garbage is collected in the middle of anything, and in any thread.
        if not self._source.left:
            with suppress(RuntimeError):  # the loop has ended, and the sweep with it
                self._soon(self._source.leave)
