"""A request queue by itself: who is served, over which route, and what failing to send costs."""

from __future__ import annotations

from typing import NoReturn

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota, QuotaUnavailable
from aiocapdist._requests.kinds import GlobalStateRequest
from aiocapdist.simulator import Simulator

from ..support.internals import is_queued
from ..support.queues import Setup
from ..support.waiting import Call, until


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
    def broken(*args: object) -> NoReturn:
        raise RuntimeError("a fault of our own")

    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(1, 0.1)) as client,
            anyio.create_task_group() as group,
        ):
            codes = ("HK.00001", "HK.00700")
            calls = {code: Call(group, client.capital_distribution, code) for code in codes}
            await until(lambda: client.quota.waiting == 1)
            monkeypatch.setattr(client._supervisor.connection, "send", broken)
            (waits,) = (code for code in codes if is_queued(client, code))
            assert "a fault of our own" in str(await calls[waits].error())
            assert client.status.state == "closed"


def test_what_comes_back_while_no_quota_can_be_used_ends_with_the_reason() -> None:
    setup = Setup(1, 1)
    (first, second) = setup.submit(2)
    error = QuotaUnavailable("there", "it is away", "wait")
    setup.gateways[0].lost_quota = error
    setup.queue.put_back(first)
    assert not first.done, "the other gateway's quota can be used"
    setup.gateways[1].lost_quota = error
    setup.queue.put_back(second)
    assert second.error is error
    setup.queue.expire()
    assert first.error is error
    assert setup.queue.length == 0


def test_of_the_calls_of_one_turn_the_first_alone_is_written_at_once() -> None:
    setup = Setup(100, 100)
    first, *_ = setup.submit(5)
    alone = [request for n in (0, 1) for request in setup.connection(n).alone]
    assert alone == [first], "over all gateways: what follows is written with one system call each"
    setup.gateways[0].load_falls.count += 1
    (next_one,) = setup.submit()
    assert next_one in setup.connection(0).alone + setup.connection(1).alone


def test_what_a_quota_grants_is_written_with_what_else_it_grants() -> None:
    setup = Setup(1)
    setup.submit(3)
    connection = setup.connection(0)
    setup.schedulers[0].replied(0.0)
    setup.hub.now = 30.0
    setup.schedulers[0].pump()
    assert len(connection.sent) == 2
    assert connection.alone == connection.sent[:1]
