"""``client.request`` where its fate is uncertain: sent again only if that was allowed."""

from __future__ import annotations

from functools import partial

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, ClientClosed, ConnectionLost, Quota
from aiocapdist._transports.memory import MemoryListener
from aiocapdist.simulator import Simulator

from ..support.custom_call import PROTO_ID, Request, Response, reply_message, request_message
from ..support.scripted_server import ScriptedServer, error_reply
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


async def test_with_repeat_a_failure_of_the_vendors_servers_is_asked_again() -> None:
    answers = iter([error_reply(-100), error_reply(-1, "NN_ProtoRet_TimeOut"), reply_message(5)])
    with anyio.fail_after(5):
        async with (
            Simulator(answers={PROTO_ID: lambda body: next(answers)}) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            reply = await client.request(PROTO_ID, request_message(), Response, idempotent=True)
            assert reply.s2c.time == 5
            assert [request.proto_id for request in opend.requests[1:]] == [PROTO_ID] * 3


@pytest.mark.parametrize("repeat", [False, True])
async def test_a_loss_after_the_sending_ends_it_unless_it_may_be_repeated(repeat: bool) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(
                group, client.request, PROTO_ID, request_message(7), Response, idempotent=repeat
            )
            assert (await peer.next()).proto_id == PROTO_ID
            await peer.hang_up()
            peer = await server.accept()
            if repeat:
                again = await peer.next()
                assert (again.proto_id, again.body) == (
                    PROTO_ID,
                    request_message(7).SerializeToString(),
                )
                await peer.reply(again, reply_message(14))
                assert (await call.value()).s2c.time == 14
            else:
                error = await call.error()
                assert isinstance(error, ConnectionLost)
                assert error.sent
                # OpenD saw it once: on the new connection the next question comes first.
                Call(group, client.global_state)
                assert (await peer.next()).proto_id == 1002
                group.cancel_scope.cancel()


async def test_what_had_not_left_when_the_connection_broke_goes_with_the_next() -> None:
    """The pipe holds one write and nobody reads: two are written, the third is not."""
    with anyio.fail_after(5):
        async with (
            ScriptedServer(MemoryListener(buffer=1)) as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            session = client._supervisor.connection._session  # type: ignore[union-attr]
            calls = []
            for n in range(3):
                calls.append(Call(group, client.request, PROTO_ID, request_message(n), Response))
                await until(partial(lambda n: len(session.in_flight) == n + 1, n))
                if n < 2:
                    await until(partial(lambda n: list(session.in_flight.values())[n].written, n))
            assert [flight.written for flight in session.in_flight.values()] == [True, True, False]
            await peer.hang_up()
            for call in calls[:2]:
                assert isinstance(await call.error(), ConnectionLost)
            peer = await server.accept()
            frame = await peer.next()
            assert Request.FromString(frame.body).c2s.time == 2
            await peer.reply(frame, reply_message(4))
            assert (await calls[2].value()).s2c.time == 4


async def closed(client: Client) -> None:
    with pytest.raises(ClientClosed):
        await client.request(PROTO_ID, request_message(), Response)
    with pytest.raises(ClientClosed):
        await client.request(
            PROTO_ID, request_message(), Response, quota=Quota(1, 60.0), idempotent=True
        )


async def test_a_closed_client_says_so_to_who_waits_and_to_who_comes_after() -> None:
    with anyio.fail_after(5):
        async with ScriptedServer() as server, anyio.create_task_group() as group:
            async with server.connect() as client:
                peer = await server.accept()
                flies = Call(
                    group, client.request, PROTO_ID, request_message(), Response, idempotent=True
                )
                await peer.next()
                quota = Quota(1, 60.0)
                spends = Call(
                    group, client.request, PROTO_ID, request_message(), Response, quota=quota
                )
                await peer.reply(await peer.next(), reply_message(1))
                await spends.value()
                waits = Call(
                    group, client.request, PROTO_ID, request_message(), Response, quota=quota
                )
                await until(lambda: quota.waiting == 1)
            for call in (flies, waits):
                assert isinstance(await call.error(), ClientClosed)
            assert quota.waiting == 0
            await closed(client)
