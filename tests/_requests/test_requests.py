"""One request's life where OpenD misbehaves: what is asked again, and what is told."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import anyio
import pytest

from aiocapdist import BackendError, Client, OpenDError, ProtocolError, Quota, QuotaExceeded
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist._protocol.frames import encode_frame

from ..support.internals import tokens
from ..support.scripted_server import Peer, ScriptedServer, code_of, error_reply, figures_reply
from ..support.waiting import Call

pytestmark = pytest.mark.anyio
TOO_FREQUENT = "获取资金分布频率太高，请求失败，每30秒最多30次。"  # noqa: RUF001

# What a bad reply is made of: its message, and what is wrong with its frame.
DAMAGED: dict[str, dict[str, Any]] = {
    "digest": {"message": figures_reply(), "digest": bytes(20)},
    "format": {"message": figures_reply(), "body_format": 1},
}
BACKEND = {
    "timed out": {"message": error_reply(-100, "超时", 3)},
    "disconnected": {"message": error_reply(-200)},
    "backend": {"message": error_reply(-1, "NN_ProtoRet_SvrFailed")},
}


async def nothing_more_was_sent(client: Client, peer: Peer) -> bool:
    """Requests leave in order: a later question comes next, or there was another."""
    async with anyio.create_task_group() as group:
        state = Call(group, client.global_state)
        frame = await peer.next()
        await peer.reply(frame, error_reply(-1, "not now"))
        await state.end()
    return frame.proto_id == 1002


@pytest.mark.parametrize("bad", [*DAMAGED.values(), *BACKEND.values()], ids=[*DAMAGED, *BACKEND])
async def test_a_bad_reply_is_asked_again_with_a_token_of_its_own(bad: dict[str, Any]) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            first = await peer.next()
            assert client.quota.available == 29
            await peer.reply(first, **bad)
            second = await peer.next()
            assert client.quota.available == 28
            assert code_of(second) == code_of(first) == "HK.00700"
            assert second.serial != first.serial
            await peer.reply(second, figures_reply(5.0))
            assert (await call.value()).capital_in_big == 5.0
            assert client.quota.available == 28
            assert client.status.reconnects == 0


@pytest.mark.parametrize(
    ("bad", "kind", "text"),
    [
        (DAMAGED["digest"], ProtocolError, "digest does not match"),
        (DAMAGED["format"], ProtocolError, "body format 1, expected protobuf"),
        (BACKEND["timed out"], BackendError, "HK.00700: OpenD answered -100: 超时"),
        (BACKEND["disconnected"], BackendError, "answered -200: no reason given"),
        (BACKEND["backend"], BackendError, "NN_ProtoRet_SvrFailed"),
    ],
)
@pytest.mark.parametrize("attempts", [1, 3])
async def test_when_attempts_are_used_up_the_last_failure_is_told(
    bad: dict[str, Any], kind: type[Exception], text: str, attempts: int
) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect(attempts=attempts) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            for _ in range(attempts):
                await peer.reply(await peer.next(), **bad)
            error = await call.error()
            assert type(error) is kind
            assert text in str(error)
            assert await nothing_more_was_sent(client, peer)
            assert client.quota.available == 30 - attempts
            assert tokens(client.quota).held == 0


@pytest.mark.parametrize(
    "final",
    [
        error_reply(-1, "some other reason", 9),
        error_reply(-400),
        error_reply(-500, "包内容非法"),
        figures_reply().SerializeToString()[:-3],
        capital_distribution_pb2.Response(retType=0),
        capital_distribution_pb2.Response(
            retType=0, s2c=capital_distribution_pb2.S2C(capitalInBig=1.0)
        ),
    ],
    ids=["-1", "-400", "-500", "undecodable", "no figures", "half the figures"],
)
async def test_any_other_failure_is_final_and_concerns_its_own_call_alone(final: Any) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            bad = Call(group, client.capital_distribution, "HK.00700")
            bad_frame = await peer.next()
            good = Call(group, client.capital_distribution, "HK.00001")
            good_frame = await peer.next()
            await peer.reply(bad_frame, final)
            error = await bad.error()
            assert isinstance(error, OpenDError | ProtocolError)
            assert type(error) is not BackendError
            await peer.reply(good_frame, figures_reply())
            assert (await good.value()).code == "HK.00001"
            assert await nothing_more_was_sent(client, peer)
            assert client.quota.available == 28


async def test_a_refusal_for_frequency_is_no_attempt() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect(attempts=1, quota=Quota(30, 0.3)) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            for _ in range(3):
                await peer.reply(await peer.next(), error_reply(-1, TOO_FREQUENT))
            await peer.reply(await peer.next(), figures_reply(7.0))
            assert (await call.value()).capital_in_big == 7.0
            assert client.quota.rejections == 3


async def test_whoever_asked_without_a_quota_is_told_of_a_refusal() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.global_state)
            await peer.reply(await peer.next(), error_reply(-1, "too frequent"))
            assert isinstance(await call.error(), QuotaExceeded)
            assert client.quota.rejections == 0


async def test_a_reply_that_is_not_understood_is_told_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def puzzled(*args: Any) -> NoReturn:
        raise LookupError("a new kind of figure")

    monkeypatch.setattr("aiocapdist._requests.kinds.decode_capital_distribution", puzzled)
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            calls = [Call(group, client.capital_distribution, "HK.00700") for _ in range(3)]
            await peer.reply(await peer.next(), figures_reply())
            for call in calls:
                error = await call.error()
                assert type(error) is ProtocolError
                assert error.reason == "cannot read a reply to proto 3212: LookupError"
                assert isinstance(error.__cause__, LookupError)
            assert await nothing_more_was_sent(client, peer)
            assert client.quota.available == 29
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.getMessage() == "cannot read a reply to proto 3212"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def test_replies_in_any_order_find_their_callers_and_strangers_find_nobody() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            codes = [f"HK.{n:05d}" for n in range(5)]
            calls = [Call(group, client.capital_distribution, code) for code in codes]
            frames = {code_of(frame): frame for frame in [await peer.next() for _ in codes]}
            for n, code in reversed(list(enumerate(codes))):
                frame = frames[code]
                # Nobody asked these: another serial, another call of this serial, and a push.
                await peer.reply(frame, figures_reply(99.0), serial=frame.serial ^ 0x5A5A5A5A)
                body = figures_reply(99.0).SerializeToString()
                await peer.send(encode_frame(1002, frame.serial, body))
                await peer.send(encode_frame(1003, frame.serial, body))
                assert not calls[n].ended
                await peer.reply(frame, figures_reply(float(n)))
                await peer.reply(frame, figures_reply(99.0))
            for n, call in enumerate(calls):
                assert (await call.value()).capital_in_big == n
            assert client.quota.available == 25
            assert client.status.reconnects == 0
