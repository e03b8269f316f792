"""``connect_many()``: what it is given, who is reached, and how it is left."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import anyio
import pytest

from aiocapdist import (
    ClientClosed,
    ClientGroup,
    ConnectError,
    HandshakeError,
    InvalidKey,
    Quota,
    connect,
    connect_many,
)
from aiocapdist._loop import on_asyncio
from aiocapdist.simulator import Simulator

from ..support.gateway_group import gateway_group, sweep_outcomes
from ..support.internals import listeners, users
from ..support.leaks import Baseline
from ..support.scripted_server import ScriptedServer
from ..support.transports import asked_codes
from ..support.waiting import Call, checkpoints, until


def test_it_takes_what_connect_makes() -> None:
    one = connect()
    with pytest.raises(TypeError, match="a list of connect\\(\\), not one; put it in brackets"):
        connect_many(connect())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one connect"):
        connect_many([])
    with pytest.raises(ValueError, match="the same connect\\(\\) is given twice"):
        connect_many([one, connect(), one])
    for wrong in ("127.0.0.1", None, Quota()):
        with pytest.raises(
            TypeError, match=f"what connect\\(\\) makes, not {type(wrong).__name__}"
        ):
            connect_many([one, wrong])  # type: ignore[list-item]
    connect_many(connect(port=port) for port in (1, 2))


@pytest.mark.anyio
async def test_what_was_used_before_is_no_gateway_any_more() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            one = connect(port=opend.port)
            async with one:
                with pytest.raises(RuntimeError, match=r"this connect\(\) was used before"):
                    async with connect_many([connect(port=opend.port), one]):
                        raise AssertionError("it is open elsewhere")
            many = connect_many([connect(port=opend.port)])
            async with many:
                pass
            with pytest.raises(RuntimeError, match=r"this connect_many\(\) was used before"):
                async with many:
                    raise AssertionError("it was closed")


@pytest.mark.anyio
async def test_awaited_it_works_on_asyncio_and_says_what_to_do_on_trio() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            connecting = connect_many([connect(port=opend.port), connect(port=opend.port)])
            if not on_asyncio():
                with pytest.raises(RuntimeError, match="use: async with aiocapdist.connect_many"):
                    await connecting
                return
            clients = await connecting
            assert isinstance(clients, ClientGroup)
            assert (await clients.capital_distribution("HK.00700")).code == "HK.00700"
            await clients.aclose()
            await until(lambda: opend.connections == 0)
            await clients.aclose()
            with pytest.raises(ClientClosed):
                await clients.capital_distribution("HK.00700")
            outcomes = await sweep_outcomes(clients, ["HK.00700", "HK.00001"])
            assert {type(outcome.error) for outcome in outcomes} == {ClientClosed}


@pytest.mark.anyio
async def test_where_none_is_reached_it_names_each_and_its_cause(closed_port: int) -> None:
    room = Baseline()
    with anyio.fail_after(5):
        async with ScriptedServer(handshake=False) as server, anyio.create_task_group() as group:

            async def refuse() -> None:
                await (await server.accept()).hang_up()

            group.start_soon(refuse)
            quotas = [Quota(), Quota()]
            with pytest.raises(ConnectError) as error:
                async with connect_many(
                    [
                        connect(port=closed_port, quota=quotas[0]),
                        server.connect(quota=quotas[1]),
                    ]
                ):
                    raise AssertionError("nobody is there")
        names = (f"tcp://127.0.0.1:{closed_port}", f"tcp://127.0.0.1:{server.port}")
        assert (error.value.host, error.value.port, error.value.gateways) == ("", 0, names)
        assert re.match(
            r"cannot connect to OpenD at any of 2 gateways: "
            rf"tcp://127.0.0.1:{closed_port} \(the connection was refused\), "
            rf"tcp://127.0.0.1:{server.port} \(the handshake failed: .*\); "
            rf"start OpenD and log in, and check that its API port is {closed_port}; check that",
            str(error.value),
        )
        assert isinstance(error.value.__cause__, ConnectError)
        assert [users(quota) for quota in quotas] == [0, 0]
        await room.wait_restored()


@pytest.mark.anyio
async def test_one_that_is_reached_is_enough_and_the_others_come_later(
    closed_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend:
            late, there = connect(port=closed_port), connect(port=opend.port)
            async with connect_many([late, there]) as clients:
                first, second = clients.clients
                assert clients.status[second].state == "ready"
                assert (await clients.capital_distribution("HK.00700")).code == "HK.00700"
                await until(lambda: clients.status[first].state == "reconnecting")
                assert clients.quota.available == 29
                async with Simulator(port=closed_port) as latecomer:
                    await until(lambda: clients.status[first].state == "ready")
                    assert clients.status[first].reconnects == 0, "it is its first connection"
                    report = await clients.capital_distributions(
                        [f"US.A{n}" for n in range(59)]
                    ).collect()
                    assert len(report.values) == 59
                    assert len(asked_codes(latecomer)) == 30
                await until(lambda: clients.status[first].state == "reconnecting")
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    away = [text for record in warned if "is away" in (text := record.getMessage())]
    assert len(away) == 1
    assert away[0].startswith(
        f"OpenD is away: cannot connect to OpenD at 127.0.0.1:{closed_port}: the connection "
        "was refused; start OpenD"
    )


@pytest.mark.anyio
async def test_one_that_shall_not_reconnect_is_tried_once(closed_port: int) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            connects = [connect(port=closed_port, reconnect=False), connect(port=opend.port)]
            async with connect_many(connects) as clients:
                first, _ = clients.clients
                await until(lambda: clients.status[first].state == "closed")
                assert (await clients.capital_distribution("HK.00700")).code == "HK.00700"


@pytest.mark.anyio
async def test_a_key_that_is_none_is_told_at_once_and_nothing_is_left() -> None:
    quota = Quota()
    with anyio.fail_after(5):
        async with Simulator() as opend:
            await checkpoints(3)  # by then it listens
            room = Baseline(opend)
            with pytest.raises(InvalidKey):
                async with connect_many(
                    [connect(port=opend.port, quota=quota), connect(rsa_key=b"no key")]
                ):
                    raise AssertionError("the second cannot be")
            assert opend.requests == []
            assert users(quota) == 0
            assert listeners(quota) == []
            await room.wait_restored()


@pytest.mark.anyio
async def test_a_door_that_is_shut_in_our_face_is_among_the_causes() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True, websocket_key="right") as opend:
            url = f"ws://127.0.0.1:{opend.websocket_port}"
            with pytest.raises(ConnectError, match=r"any of 1 gateways.*OpenD refused") as error:
                async with connect_many([connect(url, websocket_key="wrong")]):
                    raise AssertionError("the key is wrong")
            assert isinstance(error.value.__cause__, HandshakeError)


class Mine(Exception):
    """The user's own."""


@pytest.mark.anyio
async def test_the_users_own_exception_leaves_bare_and_closes_all() -> None:
    with anyio.fail_after(5):
        async with Simulator() as one, Simulator() as other:
            await checkpoints(3)  # by then they listen
            room = Baseline(one)
            with pytest.raises(Mine) as error:
                async with connect_many([connect(port=one.port), connect(port=other.port)]) as many:
                    await many.capital_distribution("HK.00700")
                    raise Mine
            assert error.value.__cause__ is None
            await room.wait_restored()
            await until(lambda: other.connections == 0)


@pytest.mark.anyio
async def test_closing_ends_every_call_and_is_repeatable() -> None:
    with anyio.fail_after(5):
        async with (
            anyio.create_task_group() as group,
            gateway_group(
                Simulator(latency=60.0), Simulator(latency=60.0), quota=[Quota(1), Quota(1)]
            ) as (
                clients,
                _,
            ),
        ):
            calls: list[Any] = [
                Call(group, clients.capital_distribution, f"HK.{n:05d}") for n in range(1, 6)
            ]
            sweep = Call(group, sweep_outcomes, clients, ["US.AAPL", "US.MSFT"])
            await until(lambda: clients.quota.waiting >= 4)
            async with anyio.create_task_group() as closers:
                for _ in range(3):
                    closers.start_soon(clients.aclose)
            for call in calls:
                assert isinstance(await call.error(), ClientClosed)
            assert {type(outcome.error) for outcome in await sweep.value()} == {ClientClosed}
            await clients.aclose()


def test_cancelled_in_the_first_moment_of_its_task_it_leaves_nothing() -> None:
    """The task behind it, cancelled before its first step, runs nothing at all."""
    quota = Quota()

    async def main() -> None:
        async with Simulator() as opend:
            many = connect_many([connect(port=opend.port, quota=quota) for _ in range(2)])
            clients, hub = await many._make()
            many._start(hub)
            task = hub.task
            assert isinstance(task, asyncio.Task)
            task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(0)
            assert users(quota) == 0
            assert clients.quota.available == 0
            await clients.aclose()

    asyncio.run(asyncio.wait_for(main(), 5))
