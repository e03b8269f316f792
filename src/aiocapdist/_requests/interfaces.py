"""What request queues need of what is around them: connections, gateways, quotas, sweeps."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sized
from typing import Any, Protocol

from .._loop import Clock, Waiter
from .._protocol.flight import Flight
from ..errors import AiocapdistError, QuotaUnavailable
from ..quota._core.fair_queue import Place


class Sender(Protocol):
    """A connection that is ready for requests."""

    @property
    def flights(self) -> Sized:
        """The requests that wait for their replies."""
        ...

    def send(self, request: Any, route: Any, now: float, alone: bool = False) -> Flight[Any]:
        """Send a request; ``now`` is the time on the hub's clock.

        It is written at once if it is ``alone``, as far as the caller knows, and nothing else is
        under way here; else with what follows in this turn of the loop.
        """
        ...


class Stats(Protocol):
    """What a gateway has carried so far."""

    calls: int
    """Number of requests sent, over all connections."""


class LoadFalls(Protocol):
    """Counts what may let a gateway of a client have fewer requests in flight."""

    count: int


class Link(Protocol):
    """One gateway, over as many connections as it takes."""

    request_timeout: float

    @property
    def load_falls(self) -> LoadFalls:
        """The same object for all gateways of a client."""
        ...

    @property
    def stats(self) -> Stats: ...

    @property
    def connection(self) -> Sender | None:
        """The connection to send on; None while there is none."""
        ...

    def cancel(self, flight: Flight[Any]) -> bool:
        """Cancel a request. True if its bytes may have been sent."""
        ...

    def loss(self, cause: BaseException, *, sent: bool) -> AiocapdistError:
        """Build the error for a call that a lost connection ended."""
        ...

    def error_for(self, quota: Any) -> AiocapdistError | None:
        """Return what calls under this quota end with at once; None while they may wait."""
        ...


class ConnectionListener(Protocol):
    """Called when a connection becomes ready, when it is lost, and when none will come."""

    def refresh(self) -> None:
        """A connection became ready or was lost."""

    def fail(self, error: AiocapdistError) -> None:
        """No connection will become ready any more."""

    def expire(self) -> None:
        """A quota has been out of reach for too long: end what waits for it."""


class LastAttempts(Protocol):
    """Requests before their last attempt (see :class:`.last_attempts.LastAttempts`)."""

    def put_back(self, request: Any) -> None:
        """Put a request back into its queue, now or later."""
        ...


class Hub(Protocol):
    """All gateways of a client: one, or those of a group."""

    clock: Clock
    new_waiter: Callable[[], Waiter]
    check_loop: Callable[[], None]

    @property
    def last_attempts(self) -> LastAttempts: ...

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        """Build the error that calls end with from now on; None while they may wait."""
        ...

    def pump_later(self) -> None:
        """Pump every quota once the data at hand has been handled."""
        ...

    def start_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run this in a task until the client is closed. False if it is closed already."""
        ...

    def add(self, listener: ConnectionListener) -> None:
        """Call this listener from now on."""
        ...

    def remove(self, listener: ConnectionListener) -> None:
        """Call this listener no more."""
        ...


class TokenSource(Protocol):
    """A quota as requests use it (see :class:`aiocapdist.quota._core.scheduler.Scheduler`)."""

    limit: int
    period: float

    @property
    def trouble(self) -> QuotaUnavailable | None: ...
    def join(self, place: Place) -> None: ...
    def leave(self, place: Place) -> None: ...
    def try_acquire(self, now: float) -> bool: ...
    def pump(self) -> None: ...
    def replied(self, at: float) -> None: ...
    def reject(self) -> bool: ...
    def lost(self, count: int) -> None: ...
    def release(self, count: int = 1) -> None: ...
    def eta_of(self, place: Place, position: int) -> float: ...


class Source(Protocol):
    """Makes requests as tokens come: a sweep, for example."""

    one_at_a_time: bool
    """True if making a request may run the user's code: then one for each turn in line."""

    @property
    def ready(self) -> bool:
        """True if :meth:`take` returns a request, as far as is known."""
        ...

    def look_ahead(self) -> None:
        """Find the next request, so that ``ready`` is true if there is one."""
        ...

    def take(self) -> Any | None:
        """Make the request that was found, to be sent at once; None if there is none."""
        ...

    def fail(self, error: AiocapdistError) -> None:
        """End: no request will be sent any more."""
        ...
