"""Losing OpenD and finding it again."""

from __future__ import annotations

from contextlib import suppress

import anyio
import pytest

import aiocapdist
from aiocapdist import ConnectError, ConnectionLost, HandshakeError, Quota, RequestTimeout
from aiocapdist.simulator import Simulator

from ..support.internals import tokens

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("patient_probe")]


async def until(condition: object) -> None:
    assert callable(condition)
    while not condition():
        await anyio.lowlevel.checkpoint()


async def test_reads_in_flight_are_sent_again() -> None:
    got = []
    async with (
        Simulator(latency=0.05) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):

        async def ask(code: str) -> None:
            got.append((await client.capital_distribution(code)).code)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for n in range(1, 11):
                    group.start_soon(ask, f"HK.{n:05d}")
                await until(lambda: len(client._single_flight.pending) == 10)
                await until(lambda: opend.connections == 1)
                opend.disconnect_all()
        assert sorted(got) == [f"HK.{n:05d}" for n in range(1, 11)]
        assert client.status.reconnects == 1
        assert client.status.state == "ready"
        assert client.status.conn_id == 2


async def test_without_reconnecting_all_are_told_the_same_first_cause() -> None:
    errors: list[ConnectionLost] = []
    async with (
        Simulator(latency=30.0) as opend,
        aiocapdist.connect(port=opend.port, reconnect=False, quota=Quota(5, 30.0)) as client,
    ):

        async def ask(code: str) -> None:
            try:
                await client.capital_distribution(code)
            except ConnectionLost as error:
                errors.append(error)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for n in range(1, 11):
                    group.start_soon(ask, f"HK.{n:05d}")
                await until(lambda: client.quota.waiting == 5)
                await until(lambda: len(client._single_flight.pending) == 10)
                opend.disconnect_all()
            assert client.status.state == "closed"
            with pytest.raises(ConnectionLost) as later:
                await client.capital_distribution("HK.00700")
        assert not later.value.sent
        await client._supervisor.finished.wait()
    assert sorted(error.sent for error in errors) == [False] * 5 + [True] * 5
    assert len({error.reason for error in errors}) == 1
    assert len({id(error.__cause__) for error in errors}) == 1
    assert len({id(error) for error in errors}) == 10


async def test_attempts_are_bounded() -> None:
    async with (
        Simulator(latency=30.0) as opend,
        aiocapdist.connect(port=opend.port, attempts=2) as client,
    ):
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:

                async def ask() -> None:
                    with pytest.raises(ConnectionLost) as error:
                        await client.capital_distribution("HK.00700")
                    assert error.value.sent

                group.start_soon(ask)
                for reconnects in (0, 1):
                    await until(lambda n=reconnects: client.status.reconnects == n)
                    await until(
                        lambda: any(r.flight for r in client._single_flight.pending.values())
                    )
                    opend.disconnect_all()
                    await until(lambda: client.status.state != "ready")


async def test_calls_made_while_away_wait_for_the_return() -> None:
    async with Simulator() as opend:
        port = opend.port
        async with aiocapdist.connect(port=port) as client:
            with anyio.fail_after(10):
                opend.disconnect_all()
                await until(lambda: client.status.state == "reconnecting")
                got = await client.capital_distribution("HK.00700")
                assert got.code == "HK.00700"
                assert (await client.global_state()).conn_id == client.status.conn_id


async def test_a_request_without_reply_times_out_and_keeps_its_token() -> None:
    async with (
        Simulator(latency=30.0) as opend,
        aiocapdist.connect(port=opend.port, request_timeout=0.05, attempts=2) as client,
    ):
        with anyio.fail_after(5), pytest.raises(RequestTimeout) as error:
            await client.capital_distribution("HK.00700")
        assert error.value.code == "HK.00700"
        assert error.value.timeout == 0.05
        assert client.quota.available == 28
        assert tokens(client.quota).held == 2
    assert tokens(client.quota).held == 0


async def test_connecting_to_something_else_is_told() -> None:
    async def babble(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await stream.receive()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, babble)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(5), pytest.raises(HandshakeError, match="speaks HTTP") as error:
            async with aiocapdist.connect(port=port):
                pass
        assert error.value.port == port
        group.cancel_scope.cancel()


async def test_silence_at_the_hand_shake_ends_within_the_timeout() -> None:
    async def hush(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, hush)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(5), pytest.raises(HandshakeError, match="no reply in time"):
            async with aiocapdist.connect(port=port, connect_timeout=0.8):
                pass
        group.cancel_scope.cancel()


async def test_cancelling_a_connect_leaves_nothing() -> None:
    async def hush(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, hush)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(5):
            with anyio.move_on_after(0.05) as scope:
                async with aiocapdist.connect(port=port):
                    raise AssertionError("nobody answers")
            assert scope.cancelled_caught
        group.cancel_scope.cancel()


async def test_a_name_that_does_not_resolve_is_told() -> None:
    with anyio.fail_after(20), pytest.raises(ConnectError, match="cannot be resolved"):
        async with aiocapdist.connect("no-such-host.invalid"):
            pass


async def test_connecting_twice_with_one_connect_is_told() -> None:
    async with Simulator() as opend:
        with anyio.fail_after(5):
            connecting = aiocapdist.connect(port=opend.port)
            async with connecting:
                pass
            with pytest.raises(RuntimeError, match="used before"):
                async with connecting:
                    pass
