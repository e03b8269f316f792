"""``connect()``: its arguments, its two forms, and how it is left."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import ClientClosed, ConnectError, Quota
from aiocapdist._loop import on_asyncio
from aiocapdist.simulator import Simulator

from ..support.waiting import Call, until

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("name", ["request_timeout", "connect_timeout"])
@pytest.mark.parametrize("value", [0, -1, 0.0, INF, NAN, "5", None])
def test_a_timeout_is_a_positive_number_of_seconds(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a positive number of seconds, not "):
        aiocapdist.connect(**{name: value})


@pytest.mark.parametrize("name", ["attempts", "max_frame"])
@pytest.mark.parametrize("value", [0, -1, 1.0, "3", None, True])
def test_a_count_is_a_whole_number_of_at_least_1(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number, at least 1, not "):
        aiocapdist.connect(**{name: value})


@pytest.mark.parametrize("address", [11111, b"127.0.0.1", ("127.0.0.1", 11111)])
def test_an_address_is_a_text(address: Any) -> None:
    with pytest.raises(TypeError, match=f"a host or a URL, not {type(address).__name__}"):
        aiocapdist.connect(address)


def test_a_wrong_address_is_told_before_anything_is_opened() -> None:
    with pytest.raises(ValueError, match="unknown scheme 'http'.*expected a host such as"):
        aiocapdist.connect("http://127.0.0.1")
    with pytest.raises(ValueError, match="port must be an integer from 1 to 65535"):
        aiocapdist.connect(port=0)


@pytest.mark.parametrize(
    ("wrong", "kind", "expected"),
    [
        ({"client_id": 5}, TypeError, "a string, not int"),
        ({"client_id": None}, TypeError, "a string, not NoneType"),
        ({"quota": 5}, TypeError, "an aiocapdist.Quota, not int"),
        ({"quota": (30, 30.0)}, TypeError, "an aiocapdist.Quota, not tuple"),
        ({"security_firm": "FUTUINC"}, TypeError, "a SecurityFirm or its number, not str"),
        ({"security_firm": True}, TypeError, "a SecurityFirm or its number, not bool"),
        ({"security_firm": 2**40}, ValueError, f"a SecurityFirm or its number, not {2**40}"),
        ({"security_firm": -1}, ValueError, "a SecurityFirm or its number, not -1"),
    ],
    ids=str,
)
def test_a_wrong_kind_of_argument_is_told_before_anything_is_opened(
    wrong: Any, kind: type[Exception], expected: str
) -> None:
    (name,) = wrong
    with pytest.raises(kind) as error:
        aiocapdist.connect(**wrong)
    assert str(error.value) == f"{name} is {expected}"


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["no-such-host.invalid", "127..0.0.1", "a" * 64 + ".invalid"])
async def test_a_name_that_cannot_be_one_is_told_like_one_that_is_unknown(host: str) -> None:
    with anyio.fail_after(20), pytest.raises(ConnectError, match="cannot be resolved") as error:
        async with aiocapdist.connect(host):
            raise AssertionError("it has no address")
    assert error.value.host == host


@pytest.mark.anyio
async def test_entered_once_more_while_it_is_open_it_says_so_and_stays_open() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            connecting = aiocapdist.connect(port=opend.port)
            async with connecting as client:
                with pytest.raises(RuntimeError, match="used before"):
                    async with connecting:
                        raise AssertionError("one client is open already")
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
            assert client.status.state == "closed"


@pytest.mark.anyio
async def test_a_stream_opener_has_no_port() -> None:
    async with Simulator() as opend:
        with pytest.raises(ValueError, match="port goes with a host"):
            aiocapdist.connect(opend.memory, 11111)


@pytest.mark.anyio
async def test_awaited_it_works_on_asyncio_and_says_what_to_do_on_trio() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            connecting = aiocapdist.connect(port=opend.port)
            if not on_asyncio():
                with pytest.raises(RuntimeError, match="on trio use: async with"):
                    await connecting
                assert opend.requests == []
                return
            client = await connecting
            assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
            with pytest.raises(TypeError, match="closed by `await client.aclose"):
                async with client:  # type: ignore[attr-defined]
                    pass
            await client.aclose()
            await until(lambda: opend.connections == 0)
            await client.aclose()
            assert client.status.state == "closed"
            with pytest.raises(ClientClosed):
                await client.capital_distribution("HK.00700")


@pytest.mark.anyio
async def test_it_is_closed_from_another_task_and_more_than_once() -> None:
    async with Simulator(latency=60.0) as opend, AsyncExitStack() as stack:
        if on_asyncio():
            client = await aiocapdist.connect(port=opend.port)
        else:
            client = await stack.enter_async_context(aiocapdist.connect(port=opend.port))
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                waiting = Call(group, client.capital_distribution, "HK.00700")
                await until(lambda: client.quota.available == 29)
                for _ in range(3):
                    group.start_soon(client.aclose)
                assert isinstance(await waiting.error(), ClientClosed)
            assert client.status.state == "closed"
            await until(lambda: opend.connections == 0)


@pytest.mark.anyio
async def test_awaiting_what_is_not_there_leaves_no_task_behind(closed_port: int) -> None:
    if not on_asyncio():
        return
    before = asyncio.all_tasks()
    with anyio.fail_after(5), pytest.raises(ConnectError, match="refused"):
        await aiocapdist.connect(port=closed_port)
    assert asyncio.all_tasks() == before


@pytest.mark.anyio
async def test_a_client_shows_where_it_is_connected() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            async with aiocapdist.connect(port=opend.port) as client:
                assert repr(client) == f"<Client of tcp://127.0.0.1:{opend.port}, ready>"
            assert repr(client).endswith(", closed>")


@pytest.mark.anyio
async def test_a_quota_made_before_any_loop_runs_is_used() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=EARLY) as client,
        ):
            assert client.quota is EARLY
            before = EARLY.available
            await client.capital_distribution("HK.00700")
            assert EARLY.available == before - 1


EARLY = Quota(5, 30.0)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "raised",
    [
        ZeroDivisionError("mine"),
        ConnectionResetError("mine, not OpenD's"),
        ExceptionGroup("mine", [ValueError("a"), KeyError("b")]),
        ExceptionGroup("alone", [ValueError("a")]),
    ],
    ids=["exception", "connection error", "group", "group of one"],
)
async def test_what_the_body_raises_leaves_as_it_is(raised: Exception) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            with pytest.raises(type(raised)) as error:
                async with aiocapdist.connect(port=opend.port) as client:
                    await client.capital_distribution("HK.00700")
                    raise raised
            assert error.value is raised
            assert client.status.state == "closed"
            await until(lambda: opend.connections == 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("raised", [KeyboardInterrupt("Ctrl-C"), SystemExit(3)], ids=repr)
def test_an_interruption_leaves_as_it_is(backend: str, raised: BaseException) -> None:
    states = []

    async def main() -> None:
        with anyio.fail_after(5):
            async with Simulator() as opend:
                connecting = aiocapdist.connect(port=opend.port)
                try:
                    async with connecting as client:
                        await client.capital_distribution("HK.00700")
                        raise raised
                finally:
                    states.append(client.status.state)

    with pytest.raises(type(raised)) as error:
        anyio.run(main, backend=backend)
    assert error.value is raised
    assert states == ["closed"]


@pytest.mark.anyio
async def test_cancelling_the_body_is_cancelling_and_nothing_else() -> None:
    with anyio.fail_after(5):
        async with Simulator(latency=60.0) as opend:
            with anyio.CancelScope() as scope:
                async with aiocapdist.connect(port=opend.port) as client:
                    scope.cancel()
                    await client.capital_distribution("HK.00700")
            assert scope.cancelled_caught
            await until(lambda: opend.connections == 0)
            assert client.status.state == "closed"
            assert client.quota.waiting == 0
