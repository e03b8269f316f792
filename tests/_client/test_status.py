"""``client.status``: where the connection stands; and what of a client arrives at OpenD."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from google.protobuf.message import Message
from pydantic import ValidationError

import aiocapdist
from aiocapdist import ConnectionLost, Quota, SecurityFirm, Status
from aiocapdist._pb import capital_distribution_pb2, init_connect_pb2
from aiocapdist.simulator import Simulator

from ..support.scripted_server import ScriptedServer, figures_reply, init_reply
from ..support.transports import rsa_pem
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


def facts(status: Status) -> dict[str, Any]:
    """What is said of the connection, and not of what it carried."""
    told = status.model_dump()
    return {
        name: told[name]
        for name in (
            "state",
            "transport",
            "encrypted",
            "conn_id",
            "server_version",
            "login_user_id",
        )
    }


@pytest.mark.parametrize(
    ("transport", "key"),
    [("tcp", None), ("memory", None), ("ws", None), ("tcp", rsa_pem()), ("memory", rsa_pem())],
    ids=["tcp", "memory", "ws", "tcp with a key", "memory with a key"],
)
async def test_it_says_how_and_to_whom_we_are_connected(transport: str, key: bytes | None) -> None:
    with anyio.fail_after(5):
        async with Simulator(seed=5, rsa_key=key, websocket=transport == "ws") as opend:
            address: Any = {
                "tcp": f"tcp://127.0.0.1:{opend.port}",
                "memory": opend.memory,
                "ws": f"ws://127.0.0.1:{opend.websocket_port}",
            }[transport]
            async with aiocapdist.connect(address, rsa_key=key) as client:
                assert facts(client.status) == {
                    "state": "ready",
                    "transport": transport,
                    "encrypted": key is not None,
                    "conn_id": 1,
                    "server_version": None if transport == "ws" else "10.11",
                    "login_user_id": None if transport == "ws" else 10_000_005,
                }


@pytest.mark.parametrize(
    ("number", "text"), [(1011, "10.11"), (900, "9.00"), (1203, "12.03"), (702, "7.02")]
)
async def test_versions_are_written_as_people_write_them(number: int, text: str) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(server_version=number) as opend,
            aiocapdist.connect(opend.memory) as client,
        ):
            assert client.status.server_version == text


async def test_before_opend_has_let_us_in_there_is_nothing_to_tell() -> None:
    with anyio.fail_after(5):
        async with ScriptedServer(handshake=False) as server, anyio.create_task_group() as group:
            connecting = server.connect()
            done = anyio.Event()

            async def use() -> None:
                async with connecting:
                    await done.wait()

            group.start_soon(use)
            peer = await server.accept()
            greeting = await peer.next()
            client = connecting._client
            assert client is not None
            before = client.status
            assert facts(before) == {
                "state": "connecting",
                "transport": "tcp",
                "encrypted": False,
                "conn_id": None,
                "server_version": None,
                "login_user_id": None,
            }
            assert (before.uptime, before.round_trip) == (None, None)
            assert (before.calls, before.late_replies, before.reconnects) == (0, 0, 0)
            await peer.reply(greeting, init_reply(9))
            await until(lambda: client.status.state == "ready")
            assert client.status.conn_id == 9
            assert before.state == "connecting", "a snapshot does not change"
            with pytest.raises(ValidationError):
                before.state = "ready"
            done.set()


async def test_what_is_lost_is_told_no_more_and_each_return_is_counted() -> None:
    with anyio.fail_after(5):
        async with ScriptedServer() as server, server.connect() as client:
            peer = await server.accept()
            for n in range(1, 4):
                assert client.status.reconnects == n - 1
                assert client.status.conn_id == n
                assert client.status.uptime is not None
                await peer.hang_up()
                await until(lambda: client.status.state == "reconnecting")
                away = client.status
                assert (away.conn_id, away.uptime) == (None, None)
                assert (away.server_version, away.login_user_id) == ("10.11", 7)
                peer = await server.accept()
                await until(lambda: client.status.state == "ready")
            assert client.status.reconnects == 3
        assert client.status.state == "closed"
        assert (client.status.conn_id, client.status.uptime) == (None, None)


async def test_every_sending_is_counted_and_nothing_else() -> None:
    """Not the greeting, nor those that wait, nor those that gave up waiting."""
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect(attempts=2, quota=Quota(2, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            assert client.status.calls == 0
            call = Call(group, client.capital_distribution, "HK.00001")
            joins = Call(group, client.capital_distribution, "HK.00001")
            await peer.next()
            assert client.status.calls == 1
            await peer.hang_up()
            peer = await server.accept()
            await peer.reply(await peer.next(), figures_reply())
            assert await call.value() == await joins.value()
            assert client.status.calls == 2
            waits = Call(group, client.capital_distribution, "HK.00002")
            await until(lambda: client.quota.waiting == 1)
            waits.cancel()
            await waits.end()
            assert client.status.calls == 2
            Call(group, client.global_state)
            await peer.next()
            assert client.status.calls == 3
            group.cancel_scope.cancel()


class Asked:
    """Answers 3212, and keeps the questions."""

    def __init__(self) -> None:
        self.messages: list[capital_distribution_pb2.Request] = []

    def __call__(self, body: bytes) -> Message:
        self.messages.append(capital_distribution_pb2.Request.FromString(body))
        return figures_reply()


@pytest.mark.parametrize(
    ("firm", "number"),
    [(None, None), (SecurityFirm.FUTUINC, 2), (SecurityFirm.FUTUMY, 6), (12, 12)],
)
async def test_the_security_firm_arrives_in_the_header_of_every_question(
    firm: SecurityFirm | int | None, number: int | None
) -> None:
    asked = Asked()
    with anyio.fail_after(5):
        async with (
            Simulator(answers={3212: asked}) as opend,
            aiocapdist.connect(port=opend.port, security_firm=firm) as client,
        ):
            await client.capital_distribution("HK.00700")
            opend.disconnect_all()
            await client.capital_distributions(["US.AAPL", "SH.600519"]).collect()
    firms = [
        m.c2s.header.securityFirm if m.c2s.HasField("header") else None for m in asked.messages
    ]
    assert firms == [number] * 3
    codes = {(m.c2s.security.market, m.c2s.security.code) for m in asked.messages}
    assert codes == {(1, "00700"), (11, "AAPL"), (21, "600519")}


@pytest.mark.parametrize("client_id", ["aiocapdist", "盯盘 7"])
async def test_the_client_id_arrives_with_the_greeting(client_id: str) -> None:
    options = {} if client_id == "aiocapdist" else {"client_id": client_id}
    with anyio.fail_after(5):
        async with ScriptedServer(handshake=False) as server, anyio.create_task_group() as group:

            async def use() -> None:
                with pytest.raises(ConnectionError):
                    async with server.connect(**options):
                        raise AssertionError("it was not let in")

            group.start_soon(use)
            peer = await server.accept()
            greeting = await peer.next()
            told = init_connect_pb2.Request.FromString(greeting.body).c2s
            assert (greeting.proto_id, told.clientID) == (1001, client_id)
            assert told.recvNotify, "or OpenD would tell us nothing unasked"
            assert told.clientVer >= 1011
            await peer.hang_up()


async def test_a_client_says_where_it_stands_when_shown() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, reconnect=False) as client,
        ):
            assert repr(client) == f"<Client of tcp://127.0.0.1:{opend.port}, ready>"
            opend.disconnect_all()
            with pytest.raises(ConnectionLost):
                await client.global_state()
            assert repr(client) == f"<Client of tcp://127.0.0.1:{opend.port}, closed>"
