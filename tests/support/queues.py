"""A request queue by itself: gateways that take whatever is sent, and clocks set by hand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeAlias

from aiocapdist import AiocapdistError, ConnectionLost, Quota
from aiocapdist._connection.stats import LoadFalls
from aiocapdist._loop import Waiter
from aiocapdist._protocol.encoders import CapitalDistributionEncoder
from aiocapdist._protocol.flight import Flight
from aiocapdist._requests.kinds import GlobalStateRequest
from aiocapdist._requests.last_attempts import LastAttempts
from aiocapdist._requests.queue import RequestQueue
from aiocapdist._requests.routes import Route
from aiocapdist.quota._core.quota import scheduler_of

AnyRequest: TypeAlias = GlobalStateRequest


class FakeConnection:
    """Takes requests; raises for those named in ``broken``."""

    def __init__(self) -> None:
        self.flights: list[Flight[Any]] = []
        self.broken: set[Any] = set()
        self.alone: list[Any] = []  # the requests that were to be written at once

    def send(self, request: Any, route: Route, now: float, alone: bool = False) -> Flight[Any]:
        if request in self.broken:
            raise LookupError("a fault of ours")
        serial = len(self.flights)
        flight: Flight[Any] = Flight(1002, serial, request, now, route)
        flight.written = True
        if alone:
            self.alone.append(request)
        self.flights.append(flight)
        return flight

    @property
    def sent(self) -> list[Any]:
        return [flight.ref for flight in self.flights]


class FakeStats:
    calls = 0


class FakeGateway:
    """One gateway, connected unless ``connection`` is None."""

    request_timeout = 10.0

    def __init__(self) -> None:
        self.connection: FakeConnection | None = FakeConnection()
        self.stats = FakeStats()
        self.load_falls = LoadFalls()
        self.lost_quota: AiocapdistError | None = None

    def cancel(self, flight: Flight[Any]) -> bool:
        return True

    def loss(self, cause: BaseException, *, sent: bool) -> AiocapdistError:
        return ConnectionLost(str(cause), sent=sent)

    def error_for(self, quota: object) -> AiocapdistError | None:
        return self.lost_quota


class FakeHub:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pump_asked = 0
        self.clock: Callable[[], float] = lambda: self.now
        self.new_waiter: Callable[[], Waiter] = _no_waiter
        self.check_loop: Callable[[], None] = _no_waiter
        self.last_attempts = LastAttempts()

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        return None

    def pump_later(self) -> None:
        self.pump_asked += 1

    def start_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        raise AssertionError("no task is needed here")

    def add(self, listener: object) -> None: ...

    def remove(self, listener: object) -> None: ...


def _no_waiter() -> NoReturn:
    raise AssertionError("nobody waits here")


class Setup:
    """A queue over gateways, each with a quota of its own on the same clock."""

    def __init__(self, *limits: int) -> None:
        self.hub = FakeHub()
        self.gateways = [FakeGateway() for _ in limits]
        for gateway in self.gateways:
            gateway.load_falls = self.gateways[0].load_falls
        self.schedulers = [scheduler_of(Quota(limit, 30.0, margin=0.0)) for limit in limits]
        for scheduler in self.schedulers:
            scheduler.attach(self.hub.clock, lambda event: None)
        self.routes = [
            Route(f"gateway {n}", gateway, scheduler, CapitalDistributionEncoder())
            for n, (gateway, scheduler) in enumerate(
                zip(self.gateways, self.schedulers, strict=True)
            )
        ]
        self.queue = RequestQueue(self.hub, self.routes)

    def submit(self, count: int = 1) -> list[AnyRequest]:
        requests = [GlobalStateRequest(self.queue, attempts=3) for _ in range(count)]
        for request in requests:
            self.queue.submit(request)
        return requests

    def connection(self, n: int = 0) -> FakeConnection:
        connection = self.gateways[n].connection
        assert connection is not None
        return connection

    def disconnect(self, n: int) -> None:
        self.gateways[n].connection = None
        self.queue.refresh()

    def queued_at(self) -> list[bool]:
        """For each quota, whether the queue waits in its line."""
        return [place.queued for place in self.queue._places]
