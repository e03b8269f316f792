"""An interrupt while the requests in flight are settled: what is repeated completes the rest."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from aiocapdist import ClientClosed, Quota
from aiocapdist._connection.connection import Connection

from ..support.internals import begin_to_close, tokens, users
from ..support.scripted_server import ScriptedServer
from ..support.waiting import Call

pytestmark = pytest.mark.anyio


# Elsewhere the task that is struck ends its nursery, and the caller with it.
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_tokens_in_flight_are_settled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    quota = Quota(5, 60.0)
    with anyio.fail_after(10):
        async with ScriptedServer() as server, anyio.create_task_group() as group:
            async with server.connect(quota=quota) as client:
                peer = await server.accept()
                calls = [Call(group, client.capital_distribution, f"HK.0000{n}") for n in range(3)]
                await peer.next()
                interrupt_first(monkeypatch, "_tell_all")
                interrupt_first(monkeypatch, "abandon")
                begin_to_close(client)
            for call in calls:
                assert isinstance(await call.error(), ClientClosed)
    assert users(quota) == 0
    assert tokens(quota).held == 0


def interrupt_first(patch: pytest.MonkeyPatch, name: str) -> None:
    """Let this method raise before it does anything, once."""
    plain: Callable[[Connection], None] = getattr(Connection, name)
    left = [1]

    def interrupted(self: Connection) -> None:
        if left[0]:
            left[0] -= 1
            raise LookupError("struck")
        plain(self)

    patch.setattr(Connection, name, interrupted)
