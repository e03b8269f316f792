"""What the queues of a client talk to: its gateway, or all gateways of a group."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

import anyio

from .._loop import Clock, Waiter, wait_shielded, waiter_factory
from .._requests.interfaces import ConnectionListener
from ..errors import AiocapdistError
from ..quota._core.scheduler import Scheduler
from ..quota._core.unlimited import Unlimited
from .event_stream import EventPublisher, EventStream


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
        self.task: object = None  # kept, since a loop holds its tasks weakly

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
        for listener in list(self.listeners):
            listener.fail(error)

    async def aclose(self) -> None:
        """End every call with ClientClosed and all connections. Repeatable."""
        if not self.finished.is_set():  # else it may have been on a loop that is closed
            self.stop()
            await wait_shielded(self.finished)

    @abstractmethod
    def stop(self) -> None:
        """Begin to close; ``finished`` is set when that is done."""

    @abstractmethod
    def start_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run this in a task until the client is closed. False if it is closed already."""

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
