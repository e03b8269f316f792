"""Reconnecting on virtual time: the delay before each attempt, as it is announced."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import Client, Connected, Disconnected, Reconnecting
from aiocapdist._transports.memory import MemoryListener, MemoryStream
from aiocapdist.events import Event
from aiocapdist.simulator import Simulator

from ..support.scripted_server import Peer, ScriptedServer, error_reply, figures_reply, init_reply

pytestmark = pytest.mark.anyio
Told = list[tuple[float, Event]]


async def note(client: Client, told: Told) -> None:
    async for event in client.events():
        told.append((trio.current_time(), event))


def longest(attempt: int) -> float:
    """What docs/builders/architecture.md promises: a random time up to this."""
    return 0.2 if attempt == 1 else min(30.0, 0.5 * 2 ** (attempt - 2))


class CountingConnector:
    """Connects to the simulator, and records each attempt's time."""

    def __init__(self, listener: MemoryListener) -> None:
        self.tried: list[float] = []
        self._listener = listener

    async def open(self) -> MemoryStream:
        self.tried.append(trio.current_time())
        return await self._listener.open()


async def test_each_attempt_is_announced_with_its_number_and_its_delay() -> None:
    told: Told = []
    async with Simulator() as opend:
        connector = CountingConnector(opend.memory)
        async with aiocapdist.connect(connector) as client, anyio.create_task_group() as group:
            group.start_soon(note, client, told)
            await trio.sleep(60.0)
            await opend.memory.aclose()
            opend.disconnect_all()
            await trio.sleep(1200.0)
            assert client.status.state == "reconnecting"
            group.cancel_scope.cancel()
    assert [type(event) for _, event in told[:2]] == [Connected, Disconnected]
    again = [(at, event) for at, event in told[2:] if isinstance(event, Reconnecting)]
    assert len(again) == len(told) - 2, "only attempts were announced"
    assert [event.attempt for _, event in again] == list(range(1, len(again) + 1))
    assert len(again) > 40, "it never gives up"
    for (at, event), tried, (next_at, _) in zip(
        again, connector.tried[1:], again[1:], strict=False
    ):
        assert tried == pytest.approx(at + event.delay)
        assert next_at == tried, "refused at once, the next attempt is announced"
    shares = [event.delay / longest(event.attempt) for _, event in again]
    assert all(0.0 <= share <= 1.0 for share in shares)
    # Drawn from the whole span: 40 random draws are not all on one side of a third of it.
    assert min(shares) < 1 / 3
    assert max(shares) > 2 / 3


async def serve(peer: Peer, seconds: float, *, answer: bool = False) -> None:
    """Answer keep-alives for this long, calls too if wanted, then hang up."""
    with anyio.move_on_after(seconds):
        while True:
            request = await peer.next()
            if request.proto_id == 3212 and answer:
                await peer.reply(request, figures_reply())
            elif request.proto_id == 1004:
                await peer.reply(request, error_reply(0))
    await peer.hang_up()


async def test_a_connection_that_answered_a_call_is_followed_by_a_short_delay() -> None:
    told: Told = []
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect() as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(note, client, told)
        for _ in range(12):
            peer = await server.accept()
            group.start_soon(client.capital_distribution, "HK.00700")
            await serve(peer, 3.0, answer=True)
        await server.accept()
        await trio.testing.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    again = [event for _, event in told if isinstance(event, Reconnecting)]
    assert [event.attempt for event in again] == [1] * 12
    assert all(event.delay <= 0.2 for event in again)


async def test_without_an_answer_the_delay_grows_to_a_second_after_a_handshake() -> None:
    told: Told = []
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect() as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(note, client, told)
        for seconds in (60.0, 0.0, 9.9, 5.0, 1.0, 10.0, 0.0):
            await serve(await server.accept(), seconds)
        await server.accept()
        await trio.testing.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    attempts = [event.attempt for _, event in told if isinstance(event, Reconnecting)]
    assert attempts == [1, 2, 3, 3, 3, 1, 2]
    kinds = [type(event) for _, event in told]
    assert kinds == [Connected, *[Disconnected, Reconnecting, Connected] * 7]
    for (at, event), (back_at, _) in pairwise(told):
        if isinstance(event, Reconnecting):
            assert event.delay <= longest(event.attempt)
            assert back_at == pytest.approx(at + event.delay)


async def test_a_failed_handshake_is_no_connection_and_the_next_attempt_is_announced() -> None:
    told: Told = []
    async with (
        ScriptedServer(MemoryListener(), handshake=False) as server,
        anyio.create_task_group() as group,
    ):
        group.start_soon(greet_the_first_and_the_fourth, server)
        async with server.connect() as client:
            group.start_soon(note, client, told)
            await trio.sleep(30.0)
            group.cancel_scope.cancel()
    kinds = [type(event) for _, event in told]
    assert kinds[:6] == [Connected, Disconnected, *[Reconnecting] * 3, Connected]


async def greet_the_first_and_the_fourth(server: ScriptedServer) -> None:
    for number in range(1, 5):
        peer = await server.accept()
        greeting = await peer.next()
        if number in {1, 4}:
            await peer.reply(greeting, init_reply(number))
            await trio.sleep(1.0)
        await peer.hang_up()
