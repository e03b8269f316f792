"""Blocking calls do what the awaited ones do."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import aiocapdist
from aiocapdist import (
    ClientClosed,
    Connected,
    ConnectError,
    InvalidCode,
    Period,
    Quota,
    QuotaWaitTooLong,
    RequestTimeout,
    UnknownSecurity,
    sync,
)
from aiocapdist._pb import global_state_pb2

from ..embedding.opend_thread import OpendThread

CODES = [f"HK.{n:05d}" for n in range(1, 11)]
CALLS = [
    *("capital_distribution", "capital_distributions", "capital_flow", "events"),
    *("global_state", "request", "watch"),
]


def asked(opend_thread: OpendThread) -> list[str | None]:
    return [one.code for one in opend_thread.opend.requests if one.proto_id == 3212]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_the_arguments_of_the_awaited_one(name: str) -> None:
    awaited = inspect.signature(getattr(aiocapdist.Client, name))
    blocking = inspect.signature(getattr(sync.Client, name))
    assert awaited.parameters == blocking.parameters
    assert getattr(sync.Client, name).__doc__


def test_every_call_is_there() -> None:
    for kind, blocking in (
        (aiocapdist.Client, sync.Client),
        (aiocapdist.ClientGroup, sync.ClientGroup),
    ):
        names = {name for name in dir(kind) if not name.startswith("_")}
        there = {name for name in dir(blocking) if not name.startswith("_")}
        assert names - there == {"aclose"}
        assert there - names == {"close"}
    awaited, blocking_connect = (
        inspect.signature(aiocapdist.connect),
        inspect.signature(sync.connect),
    )
    assert awaited.parameters == blocking_connect.parameters


def test_each_call_returns_what_the_awaited_one_returns(
    client: sync.Client, opend_thread: OpendThread
) -> None:
    async def awaited() -> tuple[object, ...]:
        quota = Quota(10_000, 1.0)
        async with aiocapdist.connect(port=opend_thread.port, quota=quota) as other:
            return (
                (await other.capital_flow("HK.00700", Period.DAY)).points[:-1],
                (await other.global_state()).server_version,
                list((await other.capital_distributions([*CODES, "x"])).values),
            )

    result = client.capital_distributions([*CODES, "x"]).collect()
    assert asyncio.run(awaited()) == (
        # Without today's figures: they, and the other fields, are of the second asked in.
        client.capital_flow("HK.00700", Period.DAY).points[:-1],
        client.global_state().server_version,
        list(result.values),
    )
    assert len(client.capital_flow("HK.00700", Period.DAY).points) > 100
    assert list(result.errors) == ["x"]
    assert client.capital_distribution("HK.00700").code == "HK.00700"


def test_any_other_call_can_be_sent(client: sync.Client) -> None:
    request = global_state_pb2.Request(c2s=global_state_pb2.C2S(userID=0))
    reply = client.request(1002, request, global_state_pb2.Response, timeout=5.0)
    assert reply.s2c.serverVer == 1011


def test_errors_are_those_of_the_awaited_calls(client: sync.Client) -> None:
    with pytest.raises(InvalidCode, match=r"try 'HK\.00700'"):
        client.capital_distribution("700.HK")
    with pytest.raises(UnknownSecurity):
        client.capital_distribution("HK.99999")
    with pytest.raises(TypeError, match="codes is a list of codes, not one string"):
        client.capital_distributions("HK.00700")
    with pytest.raises(TypeError, match="codes is a list of codes, not one string"):
        client.watch("HK.00700")
    with pytest.raises(InvalidCode):
        client.watch(["x"])


def test_wrong_arguments_and_an_absent_opend_leave_no_thread(closed_port: int) -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="attempts must be a whole number"):
        sync.connect(attempts=0)
    with pytest.raises(ConnectError, match="start OpenD"):
        sync.connect(port=closed_port)
    assert threading.active_count() <= before  # idle threads of other tests may end meanwhile


def test_waits_can_be_limited(opend_thread: OpendThread) -> None:
    with sync.connect(port=opend_thread.port, quota=Quota(1, 600.0)) as client:
        client.capital_distribution("HK.00700")
        with pytest.raises(QuotaWaitTooLong):
            client.capital_distribution("HK.00005", max_wait=1.0)
        with pytest.raises(RequestTimeout):
            client.capital_distribution("HK.00005", timeout=0.01)
        assert client.quota.waiting == 0
        assert client.quota.eta() > 500
        assert asked(opend_thread) == ["HK.00700"]


def test_a_sweep_is_iterated_as_outcomes_come(
    client: sync.Client, opend_thread: OpendThread
) -> None:
    sweep = client.capital_distributions(CODES)
    assert sorted(outcome.unwrap().code for outcome in sweep) == CODES
    with pytest.raises(RuntimeError, match="a sweep is iterated once"):
        iter(sweep)
    sweep.close()
    assert sorted(asked(opend_thread), key=str) == CODES


def test_codes_are_drawn_in_the_callers_thread(client: sync.Client) -> None:
    threads = set()

    def codes() -> Iterator[str]:
        for code in CODES:
            threads.add(threading.current_thread())
            yield code

    assert list(client.capital_distributions(codes()).collect().values) == CODES
    assert client.watch(codes()).codes == tuple(CODES)
    assert threads == {threading.current_thread()}


def test_leaving_a_sweep_early_spends_no_further_token(opend_thread: OpendThread) -> None:
    with sync.connect(port=opend_thread.port, quota=Quota(2, 600.0)) as client:
        for _outcome in client.capital_distributions(CODES):
            break
        assert client.quota.waiting == 0, "the sweep is in line no more"


def test_a_watch_is_iterated(client: sync.Client) -> None:
    watch = client.watch(CODES[:2], every=0.05)
    changes = iter(watch)
    assert {next(changes).code, next(changes).code} == set(CODES[:2])
    watch.discard(CODES[:2])
    watch.add(iter(["US.AAPL"]))
    assert next(changes).code == "US.AAPL"
    assert watch.codes == ("US.AAPL",)
    assert watch.round_time is None or watch.round_time > 0
    watch.close()
    assert list(changes) == []


def test_events_are_iterated_until_the_client_is_closed(client: sync.Client) -> None:
    events = client.events()
    assert isinstance(next(events), Connected)
    client.close()
    assert list(events) == []


def test_the_quota_is_read_on_its_loop(opend_thread: OpendThread) -> None:
    with sync.connect(port=opend_thread.port, quota=Quota(10_000, 600.0)) as client:
        quota = client.quota
        client.capital_distribution("HK.00700")
        numbers = (quota.limit, quota.period, quota.reserve, quota.margin, quota.available)
        assert numbers == (10_000, 600.0, 0, 0.05, 9_999)
        assert (quota.waiting, quota.rejections, quota.eta()) == (0, 0, 0.0)
        assert repr(quota).startswith("<Quota 10000 per 600 s")
        assert client.flow_quota.limit == 10_000


def test_threads_share_one_client(client: sync.Client, opend_thread: OpendThread) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(client.capital_distribution, CODES * 4))
    assert [figures.code for figures in got] == CODES * 4
    assert opend_thread.opend.connections == 1


def test_several_opends_are_one_client(opend_thread: OpendThread) -> None:
    address = f"tcp://127.0.0.1:{opend_thread.port}"
    with sync.connect_many([aiocapdist.connect(address, quota=Quota())]) as clients:
        assert clients.capital_distribution("HK.00700").code == "HK.00700"
        assert clients.answered_by("HK.00700") == address
        assert clients.status[address].state == "ready"
        assert (clients.quota.available, clients.flow_quota.available) == (29, 30)
        assert repr(clients) == f"<aiocapdist.sync ClientGroup of {address} ready>"
        member = clients.clients[address]
        assert member.capital_distribution("HK.00005").code == "HK.00005"
        member.close()
        with pytest.raises(ClientClosed):
            clients.capital_distribution("HK.00001")
