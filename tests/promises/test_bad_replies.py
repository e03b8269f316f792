"""Row 29: a bad reply fails its own call only.

Thirty requests are in flight; the reply to one of them is too long, damaged or unreadable. The
other 29 are answered, each with one request, over the same connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from aiocapdist import Client, ProtocolError, Quota
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist._protocol.frames import encode_frame

from ..support.encrypted_server import EncryptedServer
from ..support.internals import codec_of
from ..support.scripted_server import ScriptedServer, figures_reply
from ..support.scripted_websocket import ScriptedWebSocketServer
from ..support.waiting import Call

pytestmark = pytest.mark.anyio

N = 30
BAD = 11
Reply = Callable[[Any, Any], Awaitable[None]]


async def too_long(peer: Any, request: Any) -> None:
    await peer.reply(request, bytes(18_000))


async def unreadable(peer: Any, request: Any) -> None:
    await peer.reply(request, b"\xff" * 100)


async def without_figures(peer: Any, request: Any) -> None:
    await peer.reply(request, b"\x08\x00")


async def wrong_digest(peer: Any, request: Any) -> None:
    await peer.reply(request, figures_reply(), digest=bytes(20))


async def json(peer: Any, request: Any) -> None:
    await peer.reply(request, b"{}", body_format=1)


async def encrypted_too_long(peer: Any, request: Any) -> None:
    await peer.encrypted_reply(request, figures_reply(), lambda body: bytes(18_000))


KINDS: dict[str, tuple[Callable[[], Any], list[Reply]]] = {
    "tcp": (ScriptedServer, [too_long, unreadable, without_figures, wrong_digest, json]),
    "aes-cbc": (
        lambda: EncryptedServer("aes-cbc"),
        [encrypted_too_long],
    ),
    "ftaes-ecb": (
        lambda: EncryptedServer("ftaes-ecb"),
        [encrypted_too_long],
    ),
    "ws": (ScriptedWebSocketServer, [too_long, unreadable, without_figures]),
}
EACH = [
    pytest.param(new_server, reply, id=f"{name} {reply.__name__}")
    for name, (new_server, replies) in KINDS.items()
    for reply in replies
]


@asynccontextmanager
async def in_flight(server: Any) -> AsyncIterator[tuple[Client, Any, list[Any], list[Call]]]:
    """Thirty calls, and the requests as the server received them, in the order of the calls."""
    async with (
        server,
        server.connect(quota=Quota(N, 60.0), attempts=1) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        calls = [Call(group, client.capital_distribution, f"HK.{n:05d}") for n in range(N)]
        requests: dict[str, Any] = {}
        for _ in range(N):
            if hasattr(peer, "next_request"):
                request, body = await peer.next_request()
            else:
                request = await peer.next()
                body = request.body
            asked = capital_distribution_pb2.Request.FromString(body).c2s.security
            requests[asked.code] = request
        yield client, peer, [requests[code] for code in sorted(requests)], calls


async def answer(peer: Any, request: Any, amount: float) -> None:
    reply = peer.encrypted_reply if hasattr(peer, "encrypted_reply") else peer.reply
    await reply(request, figures_reply(amount))


@pytest.mark.parametrize(("new_server", "bad_reply"), EACH)
async def test_the_others_are_answered_with_one_request_each(
    new_server: Callable[[], Any], bad_reply: Reply
) -> None:
    with anyio.fail_after(10):
        async with in_flight(new_server()) as (client, peer, requests, calls):
            for n, request in enumerate(requests):
                await (bad_reply(peer, request) if n == BAD else answer(peer, request, float(n)))
            for n, call in enumerate(calls):
                if n == BAD:
                    assert isinstance(await call.error(), ProtocolError)
                else:
                    assert (await call.value()).capital_in_big == float(n)
            status = client.status
            assert (status.reconnects, status.calls, status.state) == (0, N, "ready")
            assert client.quota.available == 0, "each reply cost one token, the bad one too"


@pytest.mark.parametrize("attempts", [1, 3])
async def test_a_reply_that_is_too_long_is_not_asked_for_again(attempts: int) -> None:
    with anyio.fail_after(10):
        async with (
            ScriptedServer() as server,
            server.connect(attempts=attempts) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            await too_long(peer, await peer.next())
            error = await call.error()
            assert str(error) == "reply 3212: it has 18000 bytes, more than the 16384 allowed"
            assert client.status.calls == 1


async def test_the_body_is_discarded_as_it_arrives() -> None:
    """A million bytes in pieces; nothing of them is kept, and the next reply is read."""
    with anyio.fail_after(10):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            long = Call(group, client.capital_distribution, "HK.00700")
            requests = [await peer.next()]
            other = Call(group, client.capital_distribution, "HK.00001")
            requests.append(await peer.next())
            frame = encode_frame(3212, requests[0].serial, bytes(2**20))
            for at in range(0, len(frame) - 1000, 50_000):
                await peer.send(frame[at : at + 50_000][: len(frame) - 1000 - at])
            assert "has 1048576 bytes" in str(await long.error()), "known from its head"
            codec = codec_of(client)
            assert codec.pending == 0
            await peer.send(frame[-1000:])
            await answer(peer, requests[1], 5.0)
            assert (await other.value()).capital_in_big == 5.0
            assert client.status.reconnects == 0
