"""Known bugs of other clients that this one does not have: the plainest case of each.

Promises 1, 2, 11, 18. ``python -m tools.planted`` plants each bug and checks that tests fail.
"""

from __future__ import annotations

import anyio
import pytest

from aiocapdist._protocol.frames import encode_frame

from ..support.blocked_writer import blocked_server, call_with_blocked_writer
from ..support.internals import flight_of
from ..support.scripted_server import ScriptedServer, figures_reply
from ..support.waiting import Call

pytestmark = pytest.mark.anyio


async def test_a_cancelled_call_ends_at_once_while_opend_is_silent() -> None:
    with anyio.fail_after(10):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            frame = await peer.next()
            call.cancel()
            with anyio.move_on_after(5):
                await call.end()
            ended = call.ended
            # If the call cannot be cancelled, this lets the test end all the same.
            await peer.reply(frame, figures_reply())
            assert ended
            assert call.cancelled


async def test_the_late_reply_to_a_cancelled_call_does_not_reach_the_next_caller() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            gone = Call(group, client.capital_distribution, "HK.00001")
            late = await peer.next()
            gone.cancel()
            await gone.end()
            call = Call(group, client.capital_distribution, "HK.00002")
            frame = await peer.next()
            await peer.reply(late, figures_reply(111.0))
            await peer.reply(frame, figures_reply(222.0))
            assert (await call.value()).capital_in_big == 222.0


async def test_half_a_frame_before_a_loss_does_not_precede_the_next_connections_bytes() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            frame = await peer.next()
            reply = encode_frame(3212, frame.serial, figures_reply().SerializeToString())
            await peer.send(reply[:60])
            await peer.hang_up()
            peer = await server.accept()
            await peer.reply(await peer.next(), figures_reply(9.0))
            assert (await call.value()).capital_in_big == 9.0
            assert client.status.reconnects == 1


async def test_replies_are_read_while_a_write_waits_for_a_peer_that_does_not_read() -> None:
    with anyio.fail_after(5):
        async with (
            blocked_server() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            first, *_ = await call_with_blocked_writer(
                client, group, "HK.00001", "HK.00002", "HK.00003"
            )
            # OpenD need not have read a request for its reply to be read here.
            flight = flight_of(client, "HK.00001")
            reply = encode_frame(
                flight.proto_id, flight.serial, figures_reply(7.0).SerializeToString()
            )
            await peer.send(reply)
            assert (await first.value()).capital_in_big == 7.0
            group.cancel_scope.cancel()
