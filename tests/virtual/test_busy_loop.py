"""A loop that was busy with other work does not make a reply late."""

from __future__ import annotations

import anyio
import pytest
import trio.testing

from aiocapdist._transports.memory import MemoryListener

from ..support.scripted_server import ScriptedServer, figures_reply
from ..support.waiting import Call

pytestmark = pytest.mark.anyio


async def test_a_reply_that_came_while_the_loop_was_busy_is_in_time(
    anyio_backend: tuple[str, dict[str, trio.testing.MockClock]],
) -> None:
    """trio runs ready tasks in random order: in twenty runs, the deadline must never come first."""
    clock = anyio_backend[1]["clock"]
    async with ScriptedServer(MemoryListener()) as server, server.connect(attempts=1) as client:
        peer = await server.accept()
        async with anyio.create_task_group() as group:
            for _ in range(20):
                call = Call(group, client.capital_distribution, "HK.00700")
                asked = await peer.next()
                while asked.proto_id != 3212:
                    asked = await peer.next()
                await peer.reply(asked, figures_reply())
                clock.jump(10.5)
                await call.value()
        assert client.status.reconnects == 0
