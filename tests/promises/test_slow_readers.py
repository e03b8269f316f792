"""Row 18: no deadlock with a peer that does not read.

On virtual time the pipe holds one chunk each way, and OpenD reads only now and then: in between
it sends notices and replies, which it can do only as fast as the client reads. A client whose
reading waited for its writing would stand still for ever; here it may take no longer than OpenD
slept. Over real sockets the same with small buffers, a proxy that reads by the spoonful, and
floods of notices.
"""

from __future__ import annotations

import random
from typing import Any

import anyio
import pytest
import trio
import trio.testing

import aiocapdist
from aiocapdist import Client, Quota
from aiocapdist._pb import keep_alive_pb2
from aiocapdist._transports.memory import MemoryListener
from aiocapdist._transports.stream import StreamConnector
from aiocapdist.simulator import Fault, Faults, Simulator

from .._protocol.peer import notice
from ..support.proxy import Direction, LinkOptions, Proxy
from ..support.scripted_server import Peer, ScriptedServer, code_of, figures_reply
from ..support.scripted_websocket import ScriptedWebSocketServer, WebSocketPeer
from ..support.transports import NOW, SEED, TRANSPORTS, Transport, amounts, expected_amounts
from .scale import figure, scaled

pytestmark = pytest.mark.anyio
CALLS = 12
on_virtual_time = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})], ids=[""]
)


def number_of(code: str) -> float:
    return float(code.removeprefix("HK."))


class SlowOpend:
    """Answers requests rightly, but reads at random times."""

    def __init__(self, draw: random.Random) -> None:
        self.slept = 0.0
        self._draw = draw

    async def serve(self, peer: Peer | WebSocketPeer) -> None:
        answered = 0
        unanswered: list[Any] = []
        while answered < CALLS:
            match self._draw.randrange(4):
                case 0:
                    await self._speak(peer)
                case 1:
                    pause = self._draw.uniform(0.0, 0.1)
                    self.slept += pause
                    await trio.sleep(pause)
                case 2 if answered + len(unanswered) < CALLS:
                    unanswered.append(await peer.next())
                case _ if unanswered:
                    asked = unanswered.pop(self._draw.randrange(len(unanswered)))
                    await peer.reply(asked, figures_reply(number_of(code_of(asked))))
                    answered += 1

    async def _speak(self, peer: Peer | WebSocketPeer) -> None:
        """Read more than the buffers hold, if there is anything."""
        for serial in range(self._draw.randrange(1, 8)):
            if isinstance(peer, WebSocketPeer):
                await peer.send_message(1003, serial, notice()[44:])
            else:
                await peer.send(notice(serial))


async def ask(client: Client, n: int, after: float) -> None:
    await trio.sleep(after)
    assert (await client.capital_distribution(f"HK.{n:05d}")).capital_in_big == n


async def one_run(server: ScriptedServer | ScriptedWebSocketServer, draw: random.Random) -> None:
    opend = SlowOpend(draw)
    async with server, server.connect(quota=Quota(CALLS, 1000.0)) as client:
        peer = await server.accept()
        began = trio.current_time()
        latest = 0.0
        async with anyio.create_task_group() as group:
            group.start_soon(opend.serve, peer)
            for n in range(1, CALLS + 1):
                after = draw.choice((0.0, 0.0, draw.uniform(0.0, 0.1)))
                latest = max(latest, after)
                group.start_soon(ask, client, n, after)
        assert trio.current_time() - began <= opend.slept + latest + 1e-6, "it stood still"
        assert client.status.reconnects == 0


@on_virtual_time
async def test_with_buffers_of_one_chunk_nothing_deadlocks() -> None:
    draw = random.Random(18)
    runs = scaled(300)
    for _ in range(runs):
        await one_run(ScriptedServer(MemoryListener(buffer=1)), draw)
    figure(18, runs=runs, stalls=0)


@on_virtual_time
async def test_with_buffers_of_one_chunk_no_websocket_deadlocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = random.Random(19)
    runs = scaled(60)
    for _ in range(runs):
        transport = MemoryListener(buffer=1)
        pipe = StreamConnector("tcp", transport.open)
        monkeypatch.setattr(
            "aiocapdist._connection.endpoint.TcpConnector", lambda *_, pipe=pipe: pipe
        )
        server = ScriptedWebSocketServer(transport)
        server.port = 1  # which nobody dials
        await one_run(server, draw)
    figure(18, websocket_runs=runs, stalls=0)


@pytest.mark.parametrize(
    "transport",
    [transport for transport in TRANSPORTS if str(transport) in {"tcp", "tcp ftaes-ecb", "ws"}],
    ids=str,
)
async def test_with_small_socket_buffers_all_calls_are_answered(transport: Transport) -> None:
    faults = Faults({Fault.PUSH_FLOOD: 0.1}, seed=SEED, flood=100)
    codes = [f"HK.{n:05d}" for n in range(1, scaled(150) + 1)]
    spoon = Direction(max_chunk=256, delay=0.0005)
    with anyio.fail_after(60):
        async with transport.simulator(
            seed=SEED, now=lambda: NOW, quota=None, faults=faults
        ) as opend:
            port = "port" if transport.handshake_proto_id == 1001 else "websocket_port"
            manner = LinkOptions(up=spoon, buffers=16_384)
            async with Proxy(getattr(opend, port), [manner]) as proxy:
                setattr(opend, port, proxy.port)
                async with transport.connect(opend, quota=Quota(len(codes), 1000.0)) as client:
                    report = await client.capital_distributions(codes).collect()
                    assert client.status.reconnects == 0
    assert not report.errors
    assert {code: amounts(value) for code, value in report.values.items()} == {
        code: expected_amounts(code) for code in codes
    }


async def test_megabytes_in_both_directions_at_once_do_not_deadlock() -> None:
    """Through buffers of a few KiB."""
    answer = keep_alive_pb2.Response(retType=0, retMsg="." * 60_000, errCode=0)
    got: list[str] = []

    async def send(client: Client) -> None:
        reply = await client.request(3999, answer, keep_alive_pb2.Response)
        got.append(reply.retMsg)

    with anyio.fail_after(60):
        async with (
            Simulator(answers={3999: lambda body: answer}) as opend,
            Proxy(opend.port, [LinkOptions(buffers=16_384)]) as proxy,
            aiocapdist.connect(port=proxy.port, request_timeout=60.0) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(60):
                group.start_soon(send, client)
    assert got == [answer.retMsg] * 60
