"""Row 11: half a frame has no effect on later connections, wherever it was cut.

OpenD's side of a conversation with every kind of message (the hand-shake's reply, 1002, the
push 1003, 3212, 1004) is cut after each of its bytes: in the clear, in AES-CBC and through
the WebSocket, there from the HTTP answer on. Whatever the offset: one reconnect, nothing of
the old connection in the new one, and all calls answered rightly. On virtual time over the
memory connector every offset, over real sockets a sample.
"""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Self

import anyio
import pytest
import trio
import trio.testing
from anyio.abc import ByteStream

import aiocapdist
from aiocapdist import Client, Quota
from aiocapdist._connection.key_file import load_key
from aiocapdist._transports.memory import MemoryListener
from aiocapdist._transports.stream import StreamConnector
from aiocapdist.simulator import Simulator

from .._protocol.peer import notice
from ..support.internals import serve_websocket, set_next_conn_id
from ..support.proxy import Direction, LinkOptions, Proxy
from ..support.transports import (
    NOW,
    SEED,
    TRANSPORTS,
    Transport,
    amounts,
    expected_amounts,
    fixed_simulator,
    rsa_pem,
)
from ..support.waiting import until
from .scale import SCALE, figure, scaled

pytestmark = pytest.mark.anyio
PUSH = notice()[44:]
# Without encryption every offset; otherwise every fifth at scale 1, all from scale 2 on.
STEPS = {"clear": 1, "aes-cbc": 5 if SCALE < 2 else 1, "ws": 5 if SCALE < 2 else 1}
KINDS = ["clear", "aes-cbc", "ws"]
on_virtual_time = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})], ids=[""]
)


class CutStream(ByteStream):
    """Carries a number of bytes, then closes."""

    def __init__(self, stream: ByteStream, left: float) -> None:
        self.came = 0
        self._stream = stream
        self._left = left

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if self._left <= 0:
            await anyio.lowlevel.checkpoint()
            raise anyio.EndOfStream
        data = await self._stream.receive(int(min(max_bytes, self._left)))
        self._left -= len(data)
        self.came += len(data)
        return data

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


class CuttingConnector:
    """Opens memory connections; the n-th carries the n-th number of bytes."""

    def __init__(self, transport: MemoryListener, *cuts: float) -> None:
        self.streams: list[CutStream] = []
        self._door = transport
        self._cuts = cuts

    async def open(self) -> CutStream:
        number = len(self.streams)
        cut = self._cuts[number] if number < len(self._cuts) else math.inf
        self.streams.append(CutStream(await self._door.open(), cut))
        return self.streams[-1]


class House:
    """One OpenD for all offsets of one kind, since keys and sockets take time."""

    def __init__(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kind = kind
        self._key = rsa_pem() if kind == "aes-cbc" else None
        self._options: dict[str, Any] = {"seed": SEED, "now": lambda: NOW, "rsa_key": self._key}
        self._monkeypatch = monkeypatch
        monkeypatch.setattr("aiocapdist._connection.key_file.load_key", cache(load_key))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        async with Simulator(websocket=self.kind == "ws", **self._options) as opend:
            self.opend = opend
            self._memory = opend.memory
            if self.kind == "ws":
                self._memory = MemoryListener()
                serve_websocket(opend, self._memory)
            yield self
            await self._memory.aclose()

    @asynccontextmanager
    async def client(self, *cuts: float) -> AsyncIterator[tuple[Client, CuttingConnector]]:
        """Return a client whose n-th connection carries the n-th number of bytes."""
        set_next_conn_id(self.opend, 1)  # a larger one would be longer
        transport = CuttingConnector(self._memory, *cuts)
        address: Any = transport
        if self.kind == "ws":
            address = "ws://127.0.0.1"
            self._monkeypatch.setattr(
                "aiocapdist._connection.endpoint.TcpConnector",
                lambda *_: StreamConnector("tcp", transport.open),
            )
        quota = Quota(100, 30.0)
        async with aiocapdist.connect(address, rsa_key=self._key, quota=quota) as client:
            with trio.fail_after(600.0):  # of virtual time: what never comes is not waited for
                yield client, transport
        await trio.testing.wait_all_tasks_blocked()


async def converse(client: Client, opend: Simulator) -> None:
    """Have OpenD send one message of each kind, and check each answer."""
    assert (await client.global_state()).server_time.timestamp() == NOW
    opend.push(1003, PUSH)
    assert amounts(await client.capital_distribution("HK.00700")) == expected_amounts("HK.00700")
    await trio.sleep(12.0)  # a keep-alive is answered meanwhile
    assert amounts(await client.capital_distribution("US.AAPL")) == expected_amounts("US.AAPL")


async def lengths(house: House) -> tuple[int, int]:
    """Return the number of bytes of the handshake reply, and of all messages."""
    async with house.client() as (client, transport):
        (stream,) = transport.streams
        handshake = stream.came
        await converse(client, house.opend)
        assert {log.proto_id for log in house.opend.requests} >= {1002, 1004, 3212}
        return handshake, stream.came


@on_virtual_time
@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_handshake_cut_at_any_byte_the_next_succeeds(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(kind, monkeypatch).opened() as house:
        handshake, _ = await lengths(house)
        for cut in range(0, handshake, STEPS[kind]):
            async with house.client(math.inf, cut) as (client, transport):
                house.opend.disconnect_all()
                await converse(client, house.opend)
                assert client.status.reconnects == 1
                assert [stream.came for stream in transport.streams][1] == cut
                assert len(transport.streams) == 3
    figure(11, transport=kind, offsets_of_the_hand_shake=handshake, each=STEPS[kind])


@on_virtual_time
@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_cut_at_any_later_byte_all_calls_are_answered(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(kind, monkeypatch).opened() as house:
        handshake, whole = await lengths(house)
        for cut in range(whole, handshake - 1, -STEPS[kind]):
            async with house.client(cut) as (client, transport):
                await converse(client, house.opend)
                await trio.sleep(1.0)  # for the last offset: it is cut after all was said
                assert amounts(await client.capital_distribution("US.AAPL")) == expected_amounts(
                    "US.AAPL"
                )
                assert client.status.reconnects == 1
                assert next(stream.came for stream in transport.streams) == cut
                assert len(transport.streams) == 2
    figure(11, transport=kind, offsets_after_the_hand_shake=whole + 1 - handshake, each=STEPS[kind])


@pytest.mark.parametrize(
    "transport", [transport for transport in TRANSPORTS if transport.name != "memory"], ids=str
)
async def test_cuts_over_real_sockets_are_survived_too(transport: Transport) -> None:
    draw = random.Random(str(transport))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for _ in range(scaled(6)):
                ending = draw.choice(["close", "reset"])
                group.start_soon(cut_over_sockets, transport, draw.randrange(1, 1500), ending)


async def cut_over_sockets(transport: Transport, cut: int, ending: Any) -> None:
    """Cut the second connection, in its handshake or later."""
    manners = [LinkOptions(), LinkOptions(down=Direction(close_after=cut), ending=ending)]
    port = "port" if transport.handshake_proto_id == 1001 else "websocket_port"
    async with fixed_simulator(transport) as opend, Proxy(getattr(opend, port), manners) as proxy:
        setattr(opend, port, proxy.port)  # where ``connector`` dials
        async with transport.connect(opend, quota=Quota(100, 30.0)) as client:
            proxy.links[0].cut()
            for code in ("HK.00700", "US.AAPL", "SH.600519", "SZ.000001", "HK.00005") * 2:
                assert amounts(await client.capital_distribution(code)) == expected_amounts(code)
            await until(lambda: client.status.state == "ready")
            was_cut = proxy.links[1].down == cut
            assert len(proxy.links) == 2 + was_cut
