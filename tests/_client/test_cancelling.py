"""A caller who leaves: before the bytes left there is no trace, after it the token waits."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota
from aiocapdist.simulator import Simulator

from ..support.blocked_writer import blocked_server, call_with_blocked_writer, reply_to
from ..support.internals import tokens
from ..support.scripted_server import ScriptedServer, figures_reply
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


async def test_cancelled_before_its_bytes_left_a_call_leaves_no_trace() -> None:
    with anyio.fail_after(5):
        async with (
            blocked_server() as server,
            server.connect(quota=Quota(4, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            _, _, third, fourth = await call_with_blocked_writer(
                client, group, "HK.00001", "HK.00002", "HK.00003", "HK.00004"
            )
            assert client.quota.available == 0
            third.cancel()
            await third.end()
            assert third.cancelled
            assert client.quota.available == 1, "its token is free at once"
            # And at once it serves someone else, who is sent after those who were before.
            fifth = Call(group, client.capital_distribution, "HK.00005")
            assert await reply_to(peer, 4) == ["HK.00001", "HK.00002", "HK.00004", "HK.00005"]
            assert (await fourth.value()).code == "HK.00004"
            assert (await fifth.value()).code == "HK.00005"


async def test_cancelled_once_written_its_token_waits_for_the_late_reply() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect(quota=Quota(2, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            late = await peer.next()
            call.cancel()
            await call.end()
            assert call.cancelled
            assert tokens(client.quota) == (1, 1, 0)
            # The same question again is another request: the late reply is not its answer.
            again = Call(group, client.capital_distribution, "HK.00700")
            frame = await peer.next()
            assert frame.serial != late.serial
            await peer.reply(late, figures_reply(99.0))
            await until(lambda: client.status.late_replies == 1)
            assert tokens(client.quota) == (0, 1, 1)
            assert not again.ended
            await peer.reply(frame, figures_reply(5.0))
            assert (await again.value()).capital_in_big == 5.0
            assert tokens(client.quota) == (0, 0, 2)


async def test_one_of_several_callers_leaving_takes_nothing_from_the_others() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            leaves, stays = (Call(group, client.capital_distribution, "HK.00700") for _ in range(2))
            frame = await peer.next()
            await until(lambda: len(client._single_flight.pending["HK.00700"].waiters or ()) == 2)
            leaves.cancel()
            await leaves.end()
            await peer.reply(frame, figures_reply(5.0))
            assert (await stays.value()).capital_in_big == 5.0
            assert client.quota.available == 29


async def test_cancelled_while_it_waits_to_go_again_it_does_not_go() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            gone = Call(group, client.capital_distribution, "HK.00001")
            stays = Call(group, client.capital_distribution, "HK.00002")
            for _ in range(2):
                await peer.next()
            await peer.hang_up()
            await until(lambda: client.status.state == "reconnecting")
            gone.cancel()
            await gone.end()
            peer = await server.accept()
            assert await reply_to(peer, 1) == ["HK.00002"]
            assert (await stays.value()).code == "HK.00002"
            assert client.quota.available == 27


class Canceller:
    """Waits for a request beside its caller, and cancels that one at the very moment."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def on_done(self, request: object) -> None:
        self._task.cancel()


def test_cancelled_in_the_very_moment_of_its_reply_a_call_is_simply_cancelled() -> None:
    """Asyncio's own cancel strikes even between the reply and the caller's next step."""

    async def main() -> None:
        async with Simulator(latency=0.01) as opend, aiocapdist.connect(port=opend.port) as client:
            task = asyncio.create_task(client.capital_distribution("HK.00700"))
            await until(lambda: "HK.00700" in client._single_flight.pending)
            client._single_flight.pending["HK.00700"].listeners = (Canceller(task),)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert tokens(client.quota) == (29, 0, 1)
            assert client.quota.available == 29
            # The answer came, and serves whoever is content with it.
            assert (await client.capital_distribution("HK.00700", max_age=60.0)).code == "HK.00700"
            assert client.quota.available == 29

    asyncio.run(asyncio.wait_for(main(), 5))
