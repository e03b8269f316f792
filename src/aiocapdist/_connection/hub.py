"""What the queues of a client talk to: its gateway, or all gateways of a group."""

from __future__ import annotations

import asyncio
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from .._loop import (
    Clock,
    Waiter,
    threadsafe_scheduler,
    wait_shielded,
    waiter_factory,
)
from .._requests.last_attempts import LastAttempts
from .._task_group import exit_in
from ..errors import AiocapdistError
from ..quota._core.scheduler import Scheduler
from ..quota._core.unlimited import Unlimited
from .event_stream import EventPublisher, EventStream
from .home_loop import HomeLoop

if TYPE_CHECKING:
    from .._requests.interfaces import ConnectionListener


class Hub(ABC):
    """Tells queues when requests can be sent, and quotas when to grant tokens.

    See :class:`aiocapdist._requests.interfaces.Hub` for what queues use of it.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock: Clock = clock
        self.new_waiter: Callable[[], Waiter] = waiter_factory()
        self.unlimited: Unlimited = Unlimited(clock)
        """For calls that no quota counts."""
        self.publisher: EventPublisher = EventPublisher()
        self.finished: anyio.Event = anyio.Event()
        self.listeners: set[ConnectionListener] = set()
        self.last_attempts: LastAttempts = LastAttempts()
        self.task: object = None
        """The task of :meth:`run`, kept since a loop holds its tasks weakly; None until started."""
        self.home: HomeLoop = HomeLoop()
        self.check_loop: Callable[[], None] = self.home.check
        """Raises RuntimeError unless called on the client's own loop, until it is closed."""
        self._released = False
        self._call_soon: Callable[[Callable[[], object]], object] | None = None

    def add(self, listener: ConnectionListener) -> None:
        """Call this listener from now on."""
        self.listeners.add(listener)

    def remove(self, listener: ConnectionListener) -> None:
        """Call this listener no more."""
        self.listeners.discard(listener)

    def refresh_all(self) -> None:
        """Tell every listener that a connection became ready or was lost."""
        for listener in list(self.listeners):
            listener.refresh()

    def fail_all(self, error: AiocapdistError) -> None:
        """End every call that waits."""
        run_all([partial(listener.fail, error) for listener in list(self.listeners)])

    def expire_all(self) -> None:
        """End every call that waits for a quota which was out of reach for too long."""
        run_all([listener.expire for listener in list(self.listeners)])

    # ---- the end

    async def run(self) -> None:
        """Keep the client connected until it is closed. Raises nothing of this library."""
        try:
            await self.stay_connected()
        except BaseExceptionGroup as error:
            if (interrupt := exit_in(error)) is not None:
                raise interrupt from None
        finally:
            self.finish()

    async def aclose(self) -> None:
        """End every call with ClientClosed and all connections. Repeatable.

        In a forked child this does nothing: the connections are the parent's.
        """
        if self.home.was_forked:
            return
        if self.finished.is_set() or self.task is None or self.home.is_closed:
            with suppress(RuntimeError):  # that this loop, or the client's own, is closed
                self.finish()  # it may be another loop that runs now
            return
        self.check_loop()
        try:
            self.stop()
        except BaseException:
            self.stop()  # completes what an interrupt left undone
            if isinstance(self.task, asyncio.Task):
                self.task.cancel()  # a scope that was interrupted while it cancels does no more
            raise
        finally:
            try:
                await wait_shielded(self.finished)
            finally:
                self.finish()  # the same

    def finish(self) -> None:
        """Release everything, at the end of :meth:`run` or in its place.

        Repeatable: a later call completes what an exception left undone.
        """
        if self._released:
            return
        self.check_loop = _no_check
        # The event first: aclose() ends then, and completes what an interrupt leaves undone.
        run_all([self.finished.set, self.release, self.publisher.close])
        self.clock = time.monotonic  # trio's can be read in its own run only
        self._released = True

    # ---- a client that is dropped without aclose()

    def warn_if_dropped(self) -> None:
        """From now on, a client that is dropped without being closed is a ResourceWarning."""
        self._call_soon = threadsafe_scheduler()

    def dropped(self, client: object) -> None:
        """The client was garbage collected, at any moment and in any thread: close it soon."""
        if self._call_soon is None or self.finished.is_set() or self.home.was_forked:
            return
        with suppress(RuntimeError):  # the loop has ended
            self._call_soon(self.stop)
        text = f"unclosed client {client!r}: call `await client.aclose()`, or use `async with`"
        warnings.warn(text, ResourceWarning, source=client, stacklevel=2)

    # ---- what a gateway and a group do each in its way

    @abstractmethod
    async def start(self) -> None:
        """Wait until the client can be used; raise ConnectError if it cannot."""

    @abstractmethod
    async def stay_connected(self) -> None:
        """Keep all gateways connected until each has ended."""

    @abstractmethod
    def stop(self) -> None:
        """Begin to close; ``finished`` is set when that is done."""

    @abstractmethod
    def start_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run this in a task until the client is closed. False if it is closed already."""

    @abstractmethod
    def release(self) -> None:
        """End every call and release the quotas. Repeatable."""

    @abstractmethod
    def use(self, scheduler: Scheduler) -> None:
        """Grant this quota's tokens until the client is closed."""

    @abstractmethod
    def listen(self) -> EventStream:
        """Return events from now on, after a Connected for each gateway that is connected."""

    @abstractmethod
    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        """Build the error that calls end with from now on; None while they may wait."""

    @abstractmethod
    def pump_later(self) -> None:
        """Pump every quota once the data at hand has been handled."""


def run_all(steps: Iterable[Callable[[], object]]) -> None:
    """Call each step, even if an earlier one raised; then raise the first exception."""
    first: BaseException | None = None
    for step in steps:
        try:
            step()
        except BaseException as error:
            first = first or error
    if first is not None:
        raise first


def _no_check() -> None:
    """Check nothing: a closed client reports that on any loop."""
