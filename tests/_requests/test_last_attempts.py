"""A request that ends connections takes no other with it: last attempts are one at a time.

OpenD hangs up as soon as it reads a request for one code. What is in flight beside it loses its
connection too, but not its last attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import pytest

from aiocapdist import Client, ClientClosed, ConnectionLost, Quota, RequestTimeout

from ..support.internals import leftovers_in_client
from ..support.scripted_server import GONE, Peer, ScriptedServer, code_of, figures_reply
from ..support.waiting import Call, checkpoints, until

pytestmark = pytest.mark.anyio
CODES = [f"HK.{n:05d}" for n in range(8)]
POISON = CODES[0]


class PoisonedServer:
    """Answers each request but one, at which it hangs up; at once, or once told to answer."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self.received: Counter[str] = Counter()
        self.connections = 0
        self.holds_back = False
        self._peer: Peer | None = None

    async def serve(self) -> None:
        while True:
            self._peer = await self._server.accept()
            self.connections += 1
            with suppress(*GONE):
                await self._answer(self._peer)

    async def _answer(self, peer: Peer) -> None:
        while True:
            frame = await peer.next()
            code = code_of(frame)
            self.received[code] += 1
            if code == POISON:
                await peer.hang_up()
            elif not self.holds_back:
                await peer.reply(frame, figures_reply(float(code[3:])))

    async def hang_up(self) -> None:
        assert self._peer is not None
        await self._peer.hang_up()


@pytest.fixture(autouse=True)
def no_reconnect_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.0)


@asynccontextmanager
async def poisoned(
    attempts: int = 3, tokens: int = 500
) -> AsyncIterator[tuple[Client, PoisonedServer]]:
    with anyio.fail_after(10):
        async with (
            ScriptedServer() as server,
            anyio.create_task_group() as group,
        ):
            poisoned = PoisonedServer(server)
            group.start_soon(poisoned.serve)
            async with server.connect(attempts=attempts, quota=Quota(tokens, 60.0)) as client:
                yield client, poisoned
                await poisoned.hang_up()  # what was cancelled and has no reply is settled by that
                await until(lambda: leftovers_in_client(client) == {})
            group.cancel_scope.cancel()


@pytest.mark.parametrize("attempts", [2, 3, 5])
async def test_only_the_call_that_ends_connections_fails(attempts: int) -> None:
    async with poisoned(attempts) as (client, server), anyio.create_task_group() as group:
        calls = [Call(group, client.capital_distribution, code) for code in CODES]
        error = await calls[0].error()
        assert isinstance(error, ConnectionLost)
        assert error.sent
        for n, call in enumerate(calls[1:], 1):
            assert (await call.value()).capital_in_big == n
        assert server.connections <= attempts + 1
        assert server.received[POISON] == attempts
        assert max(server.received.values()) == attempts


async def test_a_sweep_has_all_but_the_code_that_ends_connections() -> None:
    async with poisoned() as (client, server):
        result = await client.capital_distributions(CODES).collect()
        assert list(result.errors) == [CODES[0]]
        assert set(result.values) == set(CODES[1:])
        assert server.connections <= 4


async def lose_twice(server: PoisonedServer, calls: int) -> None:
    """Let OpenD hang up twice while so many calls are in flight; one is sent after that."""
    for _ in range(2):
        await until(lambda: server.received.total() == calls)
        server.received.clear()
        await server.hang_up()
    await until(lambda: server.received.total() == 1)


async def test_calls_that_are_held_can_be_cancelled_and_time_out() -> None:
    async with poisoned() as (client, server), anyio.create_task_group() as group:
        server.holds_back = True
        calls = [Call(group, client.capital_distribution, code) for code in CODES[1:]]
        await lose_twice(server, len(calls))
        await checkpoints(20)
        assert server.received.total() == 1, "the others are held"
        # Which of them was sent is left to chance: that one waits for its reply.
        with pytest.raises(RequestTimeout, match="quota|connection|sent|reply"):
            await client.capital_distribution(CODES[3], timeout=0.01)
        for call in calls:
            call.cancel()
            await call.end()
        server.holds_back = False
        await client.capital_distribution(CODES[1])


async def test_the_next_is_sent_when_the_one_in_flight_is_cancelled() -> None:
    async with poisoned() as (client, server), anyio.create_task_group() as group:
        server.holds_back = True
        calls = {code: Call(group, client.capital_distribution, code) for code in CODES[1:]}
        await lose_twice(server, len(calls))
        server.holds_back = False
        (in_flight,) = server.received
        calls[in_flight].cancel()
        for code, call in calls.items():
            if code != in_flight:
                await call.value()
        assert server.connections == 3


async def test_calls_that_are_held_end_with_the_client() -> None:
    async with poisoned() as (client, server), anyio.create_task_group() as group:
        server.holds_back = True
        calls = [Call(group, client.capital_distribution, code) for code in CODES[1:]]
        await lose_twice(server, len(calls))
        await client.aclose()
        for call in calls:
            assert isinstance(await call.error(), ClientClosed)


async def test_thousands_that_are_held_end_at_once() -> None:
    """The end of one lets the next go, which ends too: not each within the one before."""
    codes = [f"HK.{n:05d}" for n in range(1, 1501)]
    async with poisoned(tokens=5000) as (client, server), anyio.create_task_group() as group:
        server.holds_back = True
        calls = [Call(group, client.capital_distribution, code) for code in codes]
        await lose_twice(server, len(calls))
        await client.aclose()
        for call in calls:
            assert isinstance(await call.error(), ClientClosed)


async def test_without_reconnecting_all_fail_at_once() -> None:
    with anyio.fail_after(10):
        async with (
            ScriptedServer() as server,
            server.connect(reconnect=False) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            calls = [Call(group, client.capital_distribution, code) for code in CODES]
            await peer.next()
            await peer.hang_up()
            for call in calls:
                assert isinstance(await call.error(), ConnectionLost)
