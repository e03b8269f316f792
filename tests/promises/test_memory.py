"""Row 12: whatever a peer sends, a client takes at most 8 MiB more than when it is idle.

The figure is the largest resident size of the process (VmHWM), compared with that with its clients
connected and idle. At scale 1 one process gets all attacks over one transport in a row, so that
what each leaves behind counts too; above, each also alone and on each event loop. The peer runs in
this process.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from aiocapdist._pb import global_state_pb2
from aiocapdist._protocol.notices import decode_notice

from ..support.protobuf_bytes import field, raw_push, varint
from ..support.scripted_server import ScriptedServer
from ..support.scripted_websocket import ScriptedWebSocketServer
from .attacks import (
    TCP,
    WEBSOCKET,
    Attack,
    HalfAReply,
    half_a_message,
    half_of_the_largest,
    half_of_the_parts,
)
from .scale import SCALE, figure

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="sizes are read from /proc"
)
measured = pytest.mark.parametrize("anyio_backend", ["asyncio"])
ROOM = 8 * 1024  # KiB
ROOT = Path(__file__).parents[2]
GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


def state() -> Any:
    phases: dict[str, Any] = {
        f"market{market}": 6 for market in ("HK", "US", "SH", "SZ", "HKFuture")
    }
    s2c = global_state_pb2.S2C(
        **phases, qotLogined=True, trdLogined=True, serverVer=1011, serverBuildNo=1, time=1
    )
    return global_state_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)


async def talk(peer: Any, attacks: Iterator[Attack]) -> None:
    """Answer all requests; do the next attack before a connection's second answer."""
    try:
        await peer.reply(await peer.next(), state())
        asked = await peer.next()
        for attack in attacks:
            await attack(peer, asked)
            break
        await peer.reply(asked, state())
        await peer.next()
    except GONE:
        pass
    finally:
        await peer.hang_up()


@asynccontextmanager
async def serving(server: Any, attacks: list[Attack]) -> AsyncIterator[None]:
    due = iter(attacks)

    async def serve() -> None:
        while True:
            group.start_soon(talk, await server.accept(), due)

    async with anyio.create_task_group() as group:
        group.start_soon(serve)
        yield
        group.cancel_scope.cancel()


async def suffer(
    scheme: str, attacks: list[Attack], *, rounds: int, clients: int = 1, loop: str = "asyncio"
) -> list[int]:
    """Return the largest KiB above idle, after each round."""
    server = ScriptedServer() if scheme == "tcp" else ScriptedWebSocketServer()
    with anyio.fail_after(110):
        async with server, serving(server, attacks):
            url = f"{scheme}://127.0.0.1:{server.port}"
            command = [sys.executable, "-m", "tests.promises.victim", url]
            done = await anyio.run_process(
                [*command, str(rounds), str(clients), loop], cwd=ROOT, stderr=None
            )
    idle, *peaks = map(json.loads, done.stdout.splitlines())
    ends = {end for peak in peaks for end in peak["ended"]}
    assert ends <= {"answered", "ProtocolError"}, "no call was left alone"
    return [peak["peak"] - idle["idle"] for peak in peaks]


@measured
@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["tcp", "ws"])
async def test_all_attacks_in_a_row_take_at_most_8_mib(scheme: str) -> None:
    attacks = TCP if scheme == "tcp" else WEBSOCKET
    taken = await suffer(scheme, attacks, rounds=len(attacks))
    for attack, kib in zip(attacks, taken, strict=True):
        figure(12, after=attack.__name__, KiB=kib)
    assert max(taken) <= ROOM, list(zip(attacks, taken, strict=True))


@measured
@pytest.mark.anyio
@pytest.mark.skipif(SCALE <= 1, reason="part of the soak: a process for each")
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("attack", TCP + WEBSOCKET, ids=lambda attack: attack.__name__)
async def test_no_attack_takes_more_than_8_mib(attack: Attack, loop: str) -> None:
    (taken,) = await suffer("tcp" if attack in TCP else "ws", [attack], rounds=1, loop=loop)
    figure(12, attack=attack.__name__, loop=loop, KiB=taken)
    assert taken <= ROOM


@measured
@pytest.mark.anyio
async def test_half_a_reply_on_each_of_64_connections_takes_at_most_8_mib() -> None:
    (taken,) = await suffer("tcp", [HalfAReply(64)] * 64, rounds=1, clients=64)
    figure(12, half_replies=64, KiB=taken)
    assert taken <= ROOM


@measured
@pytest.mark.anyio
@pytest.mark.parametrize("attack", [half_of_the_largest, half_a_message, half_of_the_parts])
async def test_half_a_mib_on_successive_connections_leaves_nothing(attack: Attack) -> None:
    """Not even until garbage is collected, which may be long after."""
    scheme = "tcp" if attack in TCP else "ws"
    taken = await suffer(scheme, [attack] * 12, rounds=12)
    figure(12, attack=attack.__name__, in_a_row=12, first=taken[2], KiB=taken[-1])
    assert taken[-1] - taken[2] <= 1024


def test_a_notice_keeps_a_bounded_number_of_unknown_fields() -> None:
    """With all fields it would take twenty times its bytes, and a listener may hold many."""
    fields = b"".join(varint(number << 3) + b"\1" for number in range(100, 16_300))
    body = raw_push(field(1, 1) + fields)
    assert 60_000 < len(body) < 65_536
    decode_notice(body)  # what it imports and caches
    tracemalloc.start()
    notice = decode_notice(body)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(notice.fields) > 500, "and yet much is told"
    assert kept < 2**18
    assert peak < 3 * 2**20
