"""A request queue by itself: who is served, over which route, and what failing to send costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import anyio
import pytest

import aiocapdist
from aiocapdist import AiocapdistError, ConnectionLost, Quota
from aiocapdist._loop import Waiter
from aiocapdist._protocol.encoders import CapitalDistributionEncoder
from aiocapdist._protocol.flight import Flight
from aiocapdist._requests.kinds import GlobalStateRequest
from aiocapdist._requests.queue import RequestQueue
from aiocapdist._requests.routes import Route
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.simulator import Simulator

from ..support.waiting import Call, until

AnyRequest = GlobalStateRequest


class FakeConnection:
    """Takes requests; raises for those named in ``broken``."""

    def __init__(self) -> None:
        self.flights: list[Flight[Any]] = []
        self.broken: set[Any] = set()

    def send(self, request: Any, route: Route, now: float) -> Flight[Any]:
        if request in self.broken:
            raise LookupError("a fault of ours")
        flight: Flight[Any] = Flight((1002, len(self.flights)), request, now, b"")
        flight.route = route
        flight.written = True
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

    def cancel(self, flight: Flight[Any]) -> bool:
        return True

    def loss(self, cause: BaseException, *, sent: bool) -> AiocapdistError:
        return ConnectionLost(str(cause), sent=sent)


class FakeHub:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pump_asked = 0
        self.clock: Callable[[], float] = lambda: self.now
        self.new_waiter: Callable[[], Waiter] = _no_waiter
        self.check_loop: Callable[[], None] = _no_waiter

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        return None

    def pump_later(self) -> None:
        self.pump_asked += 1

    def add(self, listener: object) -> None: ...

    def remove(self, listener: object) -> None: ...


def _no_waiter() -> NoReturn:
    raise AssertionError("nobody waits here")


class Setup:
    """A queue over gateways, each with a quota of its own on the same clock."""

    def __init__(self, *limits: int) -> None:
        self.hub = FakeHub()
        self.gateways = [FakeGateway() for _ in limits]
        self.schedulers = [scheduler_of(Quota(limit, 30.0, margin=0.0)) for limit in limits]
        for scheduler in self.schedulers:
            scheduler.attach(self.hub.clock, lambda event: None)
        self.routes = [
            Route(f"gateway {n}", gateway, scheduler, CapitalDistributionEncoder())
            for n, (gateway, scheduler) in enumerate(
                zip(self.gateways, self.schedulers, strict=True)
            )
        ]
        hub: Any = self.hub
        self.queue = RequestQueue(hub, self.routes)

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


def test_a_single_call_goes_to_the_gateway_with_fewer_requests_in_flight() -> None:
    setup = Setup(9, 9)
    setup.gateways[0].stats.calls = 5  # else, of two that are idle, the first is taken
    (first,) = setup.submit()
    assert setup.connection(1).sent == [first]
    (second,) = setup.submit()
    assert setup.connection(0).sent == [second]
    setup.connection(0).flights *= 3
    later = setup.submit(2)
    assert setup.connection(1).sent == [first, *later]


def test_a_gateway_without_a_token_is_passed_over() -> None:
    setup = Setup(1, 3)
    setup.submit(4)
    assert [len(setup.connection(n).sent) for n in (0, 1)] == [1, 3]


def test_an_emptied_queue_leaves_the_line_of_every_quota() -> None:
    setup = Setup(1, 1)
    setup.submit(2)
    (waits,) = setup.submit()
    assert setup.queued_at() == [True, True]
    setup.schedulers[1].replied(0.0)
    setup.hub.now = 30.0
    setup.schedulers[1].pump()
    assert setup.connection(1).sent[-1] is waits
    assert setup.queued_at() == [False, False]
    assert setup.queue.length == 0


def test_a_withdrawn_request_leaves_the_line_of_every_quota() -> None:
    setup = Setup(1, 1)
    setup.submit(2)
    (waits,) = setup.submit()
    waits.cancel_if_unwanted()
    assert setup.queued_at() == [False, False]


def test_joining_a_line_touches_no_place_that_is_already_in_it() -> None:
    setup = Setup(1, 1)
    setup.submit(2)
    setup.submit()
    pumped: list[object] = []
    for scheduler in setup.schedulers:
        scheduler.pump = lambda: pumped.append(1)  # type: ignore[method-assign]
    setup.submit(5)
    assert pumped == []


def test_a_request_that_failed_on_one_route_takes_another() -> None:
    setup = Setup(9, 9)
    (request,) = setup.submit()
    setup.queue.put_back(request)
    assert setup.hub.pump_asked == 1
    setup.queue.pump()
    assert setup.connection(1).sent == [request]


def test_a_request_that_failed_on_the_only_open_route_takes_it_again() -> None:
    setup = Setup(9, 9)
    (request,) = setup.submit()
    setup.disconnect(1)
    setup.queue.put_back(request)
    setup.queue.pump()
    assert setup.connection(0).sent == [request, request]


def test_a_late_reply_settles_the_quota_of_the_route_it_came_by() -> None:
    setup = Setup(1, 1)
    (request,) = setup.submit()
    flight = setup.connection(0).flights[0]
    request.timed_out(flight)
    setup.queue.pump()
    assert request.flight is setup.connection(1).flights[0]
    assert flight.route is setup.routes[0]
    assert request.flight is not None
    assert request.flight.route is setup.routes[1]


@pytest.mark.parametrize("limits", [(1,), (1, 1)])
def test_a_call_that_cannot_be_sent_gives_its_token_back(limits: tuple[int, ...]) -> None:
    setup = Setup(*limits)
    request = GlobalStateRequest(setup.queue, attempts=3)
    for n in range(len(limits)):
        setup.connection(n).broken.add(request)
    with pytest.raises(LookupError, match="a fault of ours"):
        setup.queue.submit(request)
    assert request.route is None
    assert not request.done
    request.cancel_if_unwanted()
    assert (setup.queue.length, any(setup.queued_at())) == (0, False)
    (another,) = setup.submit()
    assert setup.connection(0).sent == [another]


def test_one_that_cannot_be_sent_costs_no_token_and_no_request() -> None:
    """Three of five are granted at once; the second fails."""
    setup = Setup(3)
    sent = setup.submit(3)
    waiting = setup.submit(3)
    for flight in setup.connection().flights:
        setup.schedulers[0].replied(0.0)
        assert flight.ref is not None
        flight.ref.flight = None
    setup.hub.now = 30.0
    setup.connection().broken.add(waiting[1])
    with pytest.raises(LookupError):
        setup.schedulers[0].pump()
    assert setup.connection().sent == [*sent, waiting[0]]
    assert list(setup.queue._waiting) == waiting[1:]
    assert waiting[1].route is None
    setup.connection().broken.clear()
    setup.schedulers[0].pump()
    assert setup.connection().sent == [*sent, *waiting]


def test_a_failed_attempt_to_send_leaves_the_route_it_failed_on_before() -> None:
    setup = Setup(9, 9, 9)
    (request,) = setup.submit()
    setup.queue.put_back(request)
    setup.connection(1).broken.add(request)
    with pytest.raises(LookupError):
        setup.queue.pump()
    assert request.route is setup.routes[0]


def test_its_repr_tells_how_many_wait_and_over_how_many_routes() -> None:
    setup = Setup(1, 1)
    setup.submit(3)
    setup.disconnect(0)
    assert repr(setup.queue) == "<RequestQueue 1 queued, 1 of 2 routes open>"


@pytest.mark.anyio
async def test_a_call_whose_sending_fails_raises_and_the_next_for_its_code_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> NoReturn:
        raise LookupError("a fault of ours")

    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(opend.memory, quota=Quota(1, 60.0)) as client,
        ):
            with monkeypatch.context() as patch, pytest.raises(LookupError):
                patch.setattr(client._supervisor.connection, "send", broken)
                await client.capital_distribution("HK.00700")
            assert client.quota.available == 1
            assert (await client.capital_distribution("HK.00700")).code == "HK.00700"


@pytest.mark.anyio
async def test_a_fault_in_sending_ends_the_calls_that_wait_and_leaves_none_hanging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(request: object, route: object, now: float) -> NoReturn:
        raise RuntimeError("a fault of our own")

    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(1, 0.1)) as client,
            anyio.create_task_group() as group,
        ):
            await client.capital_distribution("HK.00001")
            call = Call(group, client.capital_distribution, "HK.00700")
            await until(lambda: client.quota.waiting == 1)
            monkeypatch.setattr(client._supervisor.connection, "send", broken)
            assert "a fault of our own" in str(await call.error())
            assert client.status.state == "closed"
