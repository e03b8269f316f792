"""A watch: changes of many codes' figures, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.lowlevel

from .._loop import new_waiter, threadsafe_scheduler
from .._requests.watch_source import WatchSource
from ..errors import own_copy
from ..models import Change, Security
from ..models.securities import check_codes
from . import guesses

CHECKPOINT_EVERY = 128
"""Number of changes read in a row before other tasks have their turn."""


class Watch:
    """Changes of many securities' figures: ``async for change in client.watch(codes)``.

    Created by ``client.watch``. Asks while it is iterated, and each iteration gets all changes:
    first the figures of each code, then what differs. Leaving the loop asks nothing more.
    """

    def __init__(self, source: WatchSource, client: object) -> None:
        self._source = source
        self._client = client

    def __repr__(self) -> str:
        return f"<Watch of {len(self._source.codes)} codes, round time {self.round_time}>"

    if not TYPE_CHECKING:
        __await__ = guesses.use_instead(
            "a watch is not awaited: `async for change in client.watch(codes)`"
        )
        __iter__ = guesses.use_instead(
            "a watch is iterated by `async for`; without asyncio: aiocapdist.sync"
        )

        def __getattr__(self, name: str) -> Any:
            raise guesses.named_otherwise(self, name, guesses.WATCH_NAMES)

    def __aiter__(self) -> WatchReader:
        self._source.queue.hub.check_loop()
        return WatchReader(self._source, self._client, threadsafe_scheduler())

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes, in the order in which they were added."""
        return tuple(self._source.codes)

    @property
    def round_time(self) -> float | None:
        """Seconds from the start of the last whole round to the start of the next one.

        As long as ``every``, or longer if the quota does not allow so many requests. None
        until the first round is over.
        """
        return self._source.rounds.round_time

    @property
    def resting(self) -> tuple[str, ...]:
        """The codes that are not asked for until their market opens."""
        codes = self._source.codes.values()
        return tuple(item.code for item in codes if self._source.rests(item))

    def add(self, codes: Iterable[str | Security]) -> None:
        """Watch these codes too; each is asked for as soon as the quota allows.

        Raises InvalidCode if one is not valid, and TypeError for a single string; then none
        is added. Codes that are watched already are ignored.
        """
        check_codes(codes)
        self._source.check_loop()
        self._source.add(codes)

    def discard(self, codes: Iterable[str | Security]) -> None:
        """Watch these codes no more; their unread changes are dropped.

        Codes that are not watched are ignored. Raises TypeError for a single string.
        """
        check_codes(codes)
        self._source.check_loop()
        self._source.discard(codes)

    async def aclose(self) -> None:
        """End every iteration of this watch. Unread changes are dropped. Repeatable."""
        self._source.close()


class WatchReader:
    """One iteration of a watch. Dropping it, as ``break`` does, ends it.

    A cancelled reader loses no change. Nothing is asked for it until it is read again. It keeps
    its client from being dropped.
    """

    def __init__(
        self,
        source: WatchSource,
        client: object,
        soon: Callable[[Callable[[], object]], object],
    ) -> None:
        self._client = client
        self._source = source
        self._soon = soon
        self._until_checkpoint = CHECKPOINT_EVERY
        self._subscription = source.subscribe()

    def __aiter__(self) -> WatchReader:
        return self

    async def __anext__(self) -> Change:
        subscription = self._subscription
        if subscription.waiter is not None:
            raise RuntimeError("two tasks read one iteration of a watch; iterate it in each task")
        if subscription.paused:
            self._source.resume(subscription)
        if not subscription.unread or not self._until_checkpoint:
            await self._wait()
        self._until_checkpoint -= 1
        return subscription.pop()

    async def _wait(self) -> None:
        """Let other tasks have their turn, and wait for a change."""
        subscription = self._subscription
        self._source.queue.hub.check_loop()
        try:
            if not self._until_checkpoint:
                await anyio.lowlevel.checkpoint()
            self._until_checkpoint = CHECKPOINT_EVERY
            while not subscription.unread:
                if subscription.failure is not None:
                    raise own_copy(subscription.failure)
                if subscription.ended:
                    raise StopAsyncIteration
                subscription.waiter = new_waiter()
                try:
                    await subscription.waiter
                finally:
                    subscription.waiter = None
        except BaseException:
            # Cancelled: the cancelled task may keep this reader for long, by the traceback.
            if not subscription.ended:
                self._source.pause(subscription)
            raise

    async def aclose(self) -> None:
        """End this iteration. Unread changes are dropped. Repeatable."""
        self._source.unsubscribe(self._subscription)

    def __del__(self) -> None:
        # Not at once: garbage is collected in the middle of anything, and in any thread.
        if not self._subscription.ended:
            with suppress(RuntimeError):  # the loop has ended, and all of the watch with it
                self._soon(partial(self._source.unsubscribe, self._subscription))
