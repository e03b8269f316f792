"""``client.request``: any other call over the same connection, in classes of one's own."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from google.protobuf.message import Message

import aiocapdist
from aiocapdist import (
    BackendError,
    OpenDError,
    ProtocolError,
    Quota,
    QuotaExceeded,
    UnknownSecurity,
    UnsupportedSecurity,
)
from aiocapdist._pb import capital_distribution_pb2, global_state_pb2
from aiocapdist._protocol import catalog
from aiocapdist.simulator import Simulator

from ..support.custom_call import (
    PROTO_ID,
    Request,
    Response,
    double,
    reply_message,
    request_message,
)
from ..support.scripted_server import ScriptedServer, error_reply, figures_reply
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


def asked(opend: Simulator) -> list[int]:
    """The proto ids asked after the greeting."""
    return [request.proto_id for request in opend.requests[1:]]


async def test_it_is_answered_in_the_callers_own_classes() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(answers={PROTO_ID: double}) as opend,
            aiocapdist.connect(port=opend.port) as client,
            anyio.create_task_group() as group,
        ):
            calls = [
                Call(group, client.request, PROTO_ID, request_message(n), Response)
                for n in range(50)
            ]
            for n, call in enumerate(calls):
                reply = await call.value()
                assert type(reply) is Response
                assert reply.s2c.time == 2 * n
            assert asked(opend) == [PROTO_ID] * 50
            assert client.quota.available == 30, "it costs nothing"


async def test_without_a_quota_it_waits_for_nobody() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(answers={PROTO_ID: double}) as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(1, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            await client.capital_distribution("HK.00001")
            group.start_soon(client.capital_distribution, "HK.00002")
            await until(lambda: client.quota.waiting == 1)
            assert (await client.request(PROTO_ID, request_message(3), Response)).s2c.time == 6
            group.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("ret_type", "text", "kind"),
    [
        (-1, "some other reason", OpenDError),
        (-1, "接口频率太高", QuotaExceeded),
        (-1, "unknown stock X", UnknownSecurity),
        (-1, "暂不支持", UnsupportedSecurity),
        (-1, "NN_ProtoRet_SvrFailed", BackendError),
        (-100, "", BackendError),
        (-200, "", BackendError),
        (-400, "", OpenDError),
        (-500, "invalid", OpenDError),
    ],
)
async def test_a_refusal_is_an_error_of_its_kind_and_is_not_asked_again(
    ret_type: int, text: str, kind: type[OpenDError]
) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(answers={PROTO_ID: lambda body: error_reply(ret_type, text, 9)}) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            with pytest.raises(OpenDError) as caught:
                await client.request(PROTO_ID, request_message(), Response)
            error = caught.value
            assert type(error) is kind
            assert (error.ret_type, error.ret_msg, error.err_code) == (ret_type, text, 9)
            assert error.code is None
            await client.global_state()
            assert asked(opend) == [PROTO_ID, 1002]
            assert client.quota.rejections == 0, "no quota of ours governs this call"


@pytest.mark.parametrize(
    "message",
    [Request(), capital_distribution_pb2.Request(c2s={"security": {"market": 1}})],
    ids=["no c2s", "half a security"],
)
async def test_a_message_that_lacks_required_fields_is_not_sent(message: Message) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            with pytest.raises(ValueError, match=r"lacks required fields: c2s(\.security\.code)?$"):
                await client.request(PROTO_ID, message, Response)
            await client.global_state()
            assert asked(opend) == [1002]


@pytest.mark.parametrize(
    "proto_id",
    [1, 2, 1001, 1004, *sorted(catalog.PUSHES), 0, -1, True, "3211", 3211.0, None, 2**32],
)
async def test_what_cannot_be_asked_is_a_value_error_and_not_sent(proto_id: Any) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with pytest.raises(ValueError, match="proto"):
                await client.request(proto_id, request_message(), Response)
            await client.global_state()
            assert asked(opend) == [1002]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\xff\xff\xff", "cannot be decoded as aiocapdist.global_state.Response"),
        (b"", "lacks required fields: retType"),
        (reply_message(5).SerializeToString(), "lacks required fields: s2c.marketUS"),
    ],
    ids=["garbage", "empty", "another message"],
)
async def test_a_reply_of_another_kind_is_a_protocol_error_for_its_call_alone(
    body: bytes, text: str
) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            bad = Call(
                group, client.request, PROTO_ID, request_message(), global_state_pb2.Response
            )
            bad_frame = await peer.next()
            good = Call(group, client.request, PROTO_ID, request_message(), Response)
            good_frame = await peer.next()
            await peer.reply(bad_frame, body)
            with pytest.raises(ProtocolError, match=text):
                await bad.value()
            await peer.reply(good_frame, reply_message(8))
            assert (await good.value()).s2c.time == 8
            assert client.status.reconnects == 0


async def test_cancelled_it_leaves_nothing_and_its_late_reply_reaches_nobody() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.request, PROTO_ID, request_message(), Response)
            late = await peer.next()
            call.cancel()
            await call.end()
            assert call.cancelled
            again = Call(group, client.request, PROTO_ID, request_message(), Response)
            frame = await peer.next()
            await peer.reply(late, reply_message(1))
            await peer.reply(frame, reply_message(2))
            assert (await again.value()).s2c.time == 2
            assert client.status.late_replies == 1
            session = client._supervisor.connection._session  # type: ignore[union-attr]
            assert not session.in_flight
            assert not session._tombstones


async def test_capital_distribution_asked_so_costs_a_token_of_the_clients_quota() -> None:
    message = capital_distribution_pb2.Request(c2s={"security": {"market": 1, "code": "00700"}})
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect(quota=Quota(2, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            ask = (3212, message, capital_distribution_pb2.Response)
            calls = [Call(group, client.request, *ask) for _ in range(3)]
            await until(lambda: client.quota.waiting == 1)
            assert client.quota.available == 0
            for in_big in (1.0, 2.0):
                await peer.reply(await peer.next(), figures_reply(in_big))
            await until(lambda: sum(call.ended for call in calls) == 2)
            group.cancel_scope.cancel()
