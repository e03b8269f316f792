"""Starting, stopping, logging and the hooks of the simulator."""

from __future__ import annotations

import socket
import sys
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist._pb import keep_alive_pb2
from aiocapdist.simulator import Fault, LoggedRequest, Simulator

from ..support.waiting import until
from .raw import distribution_request, frame, handshake_request, keep_alive_request, raw_client

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"language": "de"}, "language must be 'zh' or 'en', not 'de'"),
        ({"quota": 30}, r"quota must be \(calls, seconds\) or None, not 30"),
        ({"quota": (30, "30")}, "quota must be"),
        ({"quota": (0, 30.0)}, "quota must be"),
        ({"latency": "1"}, r"latency must be seconds or a \(low, high\) pair, not '1'"),
        ({"latency": (2.0, 1.0)}, "latency must be"),
        ({"faults": Fault.CLOSE}, r"faults is a Faults, such as Faults\(script=\[…\]\), not "),
        ({"now": 5.0}, "now is a function that returns a Unix time, not 5.0"),
    ],
)
def test_wrong_arguments_are_told_at_once(argument: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        Simulator(**argument)


async def test_a_port_in_use_is_an_os_error() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            with pytest.raises(OSError, match=r".+"):
                async with Simulator(port=opend.port):
                    raise AssertionError("both listen at one port")
            async with aiocapdist.connect(port=opend.port) as client:
                await client.capital_distribution("HK.00700")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port cannot be kept so")
async def test_its_ports_stay_its_own_while_it_is_away() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend:
            for _ in range(2):
                await opend.go_away()
            for port in (opend.port, opend.websocket_port):
                with socket.socket() as other, pytest.raises(OSError, match="in use"):
                    other.bind(("127.0.0.1", port))
                with pytest.raises(OSError, match="All connection attempts failed|refused"):
                    await anyio.connect_tcp("127.0.0.1", port)
            await opend.come_back()
            async with aiocapdist.connect(port=opend.port) as client:
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"


def test_memory_needs_a_running_simulator() -> None:
    with pytest.raises(RuntimeError, match="use async with"):
        _ = Simulator().memory


async def test_a_request_before_the_handshake_closes_the_connection() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend, handshake=False) as client:
            body = distribution_request(1, "00700").SerializeToString()
            await client.send(frame(3212, 7, body))
            assert await client.is_closed()
            await until(lambda: opend.connections == 0)
            assert [r[1:] for r in opend.requests] == [(1, 3212, 7, None, "too early")]
            assert opend.largest_window == 0


async def test_the_log_has_each_request_in_the_order_of_decision() -> None:
    began = anyio.current_time()
    with anyio.fail_after(5):
        async with (
            Simulator(quota=(2, 60.0)) as opend,
            raw_client(opend) as one,
            raw_client(opend) as other,
        ):
            await one.ask(3212, 5, distribution_request(1, "00700"))
            await other.ask(3212, 5, distribution_request(11, "AAPL"))
            await one.ask(3212, 6, distribution_request(21, "600519"))
            await other.ask(1004, 6, keep_alive_request())
            log = opend.requests
    assert all(isinstance(entry, LoggedRequest) for entry in log)
    assert [entry[1:] for entry in log] == [
        (1, 1001, 1, None, "answered"),
        (2, 1001, 1, None, "answered"),
        (1, 3212, 5, "HK.00700", "answered"),
        (2, 3212, 5, "US.AAPL", "answered"),
        (1, 3212, 6, "SH.600519", "refused"),
        (2, 1004, 6, None, "answered"),
    ]
    times = [entry.time for entry in log]
    assert began <= times[0]
    assert times == sorted(times)


async def test_users_handlers_answer_their_proto_ids() -> None:
    asked = []

    def handler(body: bytes) -> keep_alive_pb2.Response:
        asked.append(body)
        return keep_alive_pb2.Response(retType=0, s2c=keep_alive_pb2.S2C(time=3000))

    with anyio.fail_after(5):
        async with (
            Simulator(answers={3000: handler, 1002: handler}) as opend,
            raw_client(opend) as client,
        ):
            for proto_id in (3000, 1002):
                reply = await client.ask(proto_id, 4, b"anything")
                assert keep_alive_pb2.Response.FromString(reply.body).s2c.time == 3000
            assert asked == [b"anything"] * 2
            assert [r.outcome for r in opend.requests] == ["answered"] * 3


async def test_a_push_reaches_every_client_after_its_handshake() -> None:
    body = keep_alive_pb2.Response(retType=0).SerializeToString()
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            raw_client(opend) as one,
            raw_client(opend) as other,
            raw_client(opend, handshake=False) as outside,
        ):
            await until(lambda: opend.connections == 3)
            opend.push(1003, body)
            for client in (one, other):
                assert (await client.receive()).proto_id == 1003
            assert (await outside.ask(1001, 9, handshake_request())).proto_id == 1001


async def test_a_damaged_handshake_closes_the_connection() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend, handshake=False) as client:
            await client.send(
                frame(1001, 1, handshake_request().SerializeToString(), digest=bytes(20))
            )
            assert await client.is_closed()
            assert [r[1:] for r in opend.requests] == [(1, 1001, 1, None, "damaged")]


async def test_a_client_that_closed_its_reading_side_is_closed() -> None:
    async with Simulator() as opend:
        with anyio.fail_after(5):
            async with await opend.memory.open() as stream:
                await stream.send(frame(1001, 1, handshake_request().SerializeToString()))
                await until(lambda: opend.connections == 1)
                stream._incoming.close()
                await stream.send(frame(1004, 2, keep_alive_request().SerializeToString()))
                await until(lambda: opend.connections == 0)


async def test_after_disconnect_all_clients_can_connect_again() -> None:
    async with Simulator() as opend:
        with anyio.fail_after(5):
            async with raw_client(opend) as one, raw_client(opend) as other:
                assert opend.connections == 2
                opend.disconnect_all()
                assert await one.is_closed()
                assert await other.is_closed()
                await until(lambda: opend.connections == 0)
            async with raw_client(opend) as client:
                assert (await client.ask(1004, 2, keep_alive_request())).refusal == (0, "")
                assert opend.requests[-1].connection == 3


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_exception_in_the_body_is_not_wrapped(backend: str) -> None:
    async def main() -> None:
        async with Simulator() as opend, raw_client(opend):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        anyio.run(main, backend=backend)
