"""WebSockets over real sockets: handshake and error numbers."""

from __future__ import annotations

import hashlib
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import BackendError, HandshakeError, OpenDError, RequestTimeout
from aiocapdist._pb import keep_alive_pb2
from aiocapdist.simulator import Simulator

from ..support.scripted_server import figures_reply
from ..support.scripted_websocket import ScriptedWebSocketServer
from ..support.waiting import Call

pytestmark = pytest.mark.anyio
KEY = "sentinel websocket key"
HINT = (
    "check that this is OpenD's WebSocket port, and that websocket_key is the key set in OpenD; "
    "if TLS is switched on there, use wss://"
)


# Handshake


@pytest.mark.parametrize("given", [None, "", "another key", KEY.upper(), f"{KEY} "])
async def test_a_wrong_key_is_rejected_and_not_shown(given: str | None) -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True, websocket_key=KEY) as opend:
            address = f"ws://127.0.0.1:{opend.websocket_port}"
            with pytest.raises(HandshakeError) as caught:
                async with aiocapdist.connect(address, websocket_key=given):
                    raise AssertionError("the key is wrong")
    error = caught.value
    assert error.reason == "OpenD refused: wrong key"
    assert error.hint == HINT
    for key in filter(None, (given, KEY)):
        for secret in (key, hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()):
            assert secret not in f"{error!r} {error} {error.__cause__!r}"


@pytest.mark.parametrize(("asked", "given"), [(KEY, KEY), ("", None), ("", KEY), ("密钥", "密钥")])
async def test_the_right_key_connects_and_none_is_needed_if_none_is_set(
    asked: str, given: str | None
) -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True, websocket_key=asked) as opend:
            address = f"ws://127.0.0.1:{opend.websocket_port}"
            async with aiocapdist.connect(address, websocket_key=given) as client:
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
                assert not client.status.encrypted


async def enter(server: ScriptedWebSocketServer, **options: Any) -> None:
    async with server.connect(**options):
        pass


@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_any_error_number_of_the_handshake_is_a_refusal(number: int) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer(handshake="upgrade") as server,
            anyio.create_task_group() as group,
        ):
            entered = Call(group, enter, server)
            peer = await server.accept()
            await peer.reply(await peer.next(), error=number, text=b"no entry")
            error = await entered.error()
    assert isinstance(error, HandshakeError)
    assert error.reason == "OpenD refused: no entry"


# OpenD's errors


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_read_that_the_websocket_service_could_not_answer_is_sent_again(
    number: int,
) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            first = await peer.next()
            await peer.reply(first, error=number)
            again = await peer.next()
            assert again.body == first.body
            assert again.serial != first.serial
            await peer.reply(again, figures_reply(5.0))
            assert (await call.value()).capital_in_big == 5.0
            assert client.quota.available == 28, "each attempt has a token of its own"
            assert client.status.reconnects == 0


@pytest.mark.parametrize(("number", "ret_type"), [(1, -100), (2, -100), (3, -200)])
async def test_after_the_allowed_attempts_it_is_a_backend_error(number: int, ret_type: int) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect(attempts=2) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            for _ in range(2):
                await peer.reply(await peer.next(), error=number)
            error = await call.error()
    assert isinstance(error, BackendError)
    assert (error.ret_type, error.err_code) == (ret_type, number)


async def test_a_request_that_is_not_idempotent_is_not_sent_again() -> None:
    message = keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=1))
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.request, 2202, message, keep_alive_pb2.Response)
            await peer.reply(await peer.next(), error=1, text=b"no answer")
            error = await call.error()
    assert isinstance(error, BackendError)
    assert error.ret_msg == "OpenD did not answer its WebSocket service in time (no answer)"


@pytest.mark.parametrize("number", [4, 17, -1])
async def test_an_unknown_error_number_fails_its_own_call_only(number: int) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            spoilt = Call(group, client.capital_distribution, "HK.00001")
            await peer.reply(await peer.next(), error=number, text=b"because")
            error = await spoilt.error()
            assert type(error) is OpenDError
            assert (error.err_code, error.ret_msg) == (number, "because")
            good = Call(group, client.capital_distribution, "HK.00002")
            await peer.reply(await peer.next(), figures_reply(5.0))
            assert (await good.value()).capital_in_big == 5.0


async def test_a_missing_reply_is_a_timeout() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect(request_timeout=0.05, attempts=1) as client,
        ):
            with pytest.raises(RequestTimeout):
                await client.capital_distribution("HK.00700")
            assert client.status.state == "ready"
