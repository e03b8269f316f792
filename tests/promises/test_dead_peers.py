"""Rows 13 and 30: a silent peer is noticed in time, and requests in flight are sent again.

A reply may take a request timeout, or a keep-alive interval if that is longer; three intervals
after the last byte, at most 30 s, the connection is dead in any case.

Row 13: 150 trials on virtual time at scale 1, each with an interval, a latency, a moment of silence
and calls of its own. In half of them OpenD receives and does not answer, in half nothing is
carried either way. Also over real sockets, with a proxy that carries nothing.

Row 30: the same whatever keep-alive interval OpenD states.
"""

from __future__ import annotations

import random

import anyio
import pytest
import trio
import trio.testing
from anyio.abc import ByteStream

import aiocapdist
from aiocapdist import Client, Connected, Disconnected, Quota
from aiocapdist._transports.memory import MemoryListener
from aiocapdist.simulator import Simulator

from ..support.internals import announce_keep_alive_interval
from ..support.proxy import Proxy
from ..support.transports import NOW, SEED, amounts, expected_amounts
from ..support.waiting import until
from .scale import SCALE, figure, scaled

pytestmark = pytest.mark.anyio
SILENCE_LIMIT = 3.0  # keep-alive intervals
LONGEST_INTERVAL = 10
USUAL, PATIENT = 10.0, 200.0  # request timeouts in seconds
TRIALS = scaled(150)
CODES = [f"HK.{n:05d}" for n in range(1, 400)]
on_virtual_time = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})], ids=[""]
)


class Swallowing(ByteStream):
    """Carries everything until ``dead``, and records when the last byte arrived."""

    def __init__(self, stream: ByteStream) -> None:
        self.heard_at = 0.0
        self.dead = self.deaf = False
        self._stream = stream

    async def receive(self, max_bytes: int = 65536) -> bytes:
        try:
            data = await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            if not self.dead:
                raise
            data = b""
        if self.dead:
            await trio.sleep_forever()  # OpenD closes at last, which is not carried either
        self.heard_at = trio.current_time()
        return data

    async def send(self, item: bytes) -> None:
        if not self.deaf:
            try:
                await self._stream.send(item)
            except anyio.BrokenResourceError:
                assert self.dead

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


class Connector:
    """Opens memory connections that can be silenced."""

    def __init__(self, listener: MemoryListener) -> None:
        self.streams: list[Swallowing] = []
        self._listener = listener

    async def open(self) -> Swallowing:
        self.streams.append(Swallowing(await self._listener.open()))
        return self.streams[-1]


async def note_ends(client: Client, ends: list[float]) -> None:
    async for event in client.events():
        if isinstance(event, Disconnected):
            ends.append(trio.current_time())
            assert "nothing heard from OpenD" in event.reason


@on_virtual_time
@pytest.mark.parametrize("timeout", [USUAL, PATIENT])
async def test_silence_is_noticed_in_time_and_calls_are_sent_again(
    timeout: float,
) -> None:
    draw = random.Random(13)
    silences: list[float] = []
    again = 0
    for _ in range(TRIALS):
        # With a longer interval than the timeout, a call uses up its attempts before.
        interval = draw.choice((1, 5, 10) if timeout == USUAL else (1, 5, 10, 30))
        latency = (0.0, draw.uniform(0.0, 0.8))
        async with Simulator(
            seed=SEED, now=lambda: NOW, quota=None, latency=latency, keep_alive_interval=interval
        ) as opend:
            connector = Connector(opend.memory)
            client_ = aiocapdist.connect(connector, request_timeout=timeout, quota=Quota(500, 1.0))
            async with client_ as client, anyio.create_task_group() as group:
                ends: list[float] = []
                group.start_soon(note_ends, client, ends)
                with trio.fail_after(20.0 * interval):
                    silence, again_here = await one_death(client, connector, ends, draw, interval)
                # A keep-alive is sent after 0.8 of an interval.
                used = min(interval, LONGEST_INTERVAL)
                longest = min(SILENCE_LIMIT * used, 0.8 * used + max(timeout, used))
                assert silence <= longest + 1e-6
                silences.append(silence / longest)
                again += again_here
                group.cancel_scope.cancel()
    figure(
        13,
        request_timeout=f"{timeout} s",
        trials=len(silences),
        longest=f"{max(silences):.4f} of the bound",
        shortest=f"{min(silences):.4f} of it",
        calls_sent_again=again,
    )
    assert again > TRIALS


async def one_death(
    client: Client, connector: Connector, ends: list[float], draw: random.Random, interval: int
) -> tuple[float, int]:
    """Silence at a random moment. Return the seconds until it is noticed, and calls in flight."""
    await trio.sleep(draw.uniform(0.0, 4.0) * interval)
    codes = draw.sample(CODES, draw.randrange(1, 6))
    answers: list[bool] = []

    async def ask(code: str, after: float) -> None:
        await trio.sleep(after)
        answers.append(amounts(await client.capital_distribution(code)) == expected_amounts(code))

    async with anyio.create_task_group() as group:
        for code in codes:
            group.start_soon(ask, code, draw.uniform(0.0, 2.0 * interval))
        await trio.sleep(draw.uniform(0.0, 1.0))
        (stream,) = connector.streams
        stream.dead, stream.deaf = True, draw.random() < 0.5
        in_flight = len(codes) - len(answers)
        began = stream.heard_at
    assert answers == [True] * len(codes)
    if not ends:  # no call noticed it: keep-alives do
        await trio.sleep(SILENCE_LIMIT * interval + 1.0)
    assert client.status.reconnects == len(ends) == 1
    return ends[0] - began, in_flight


@on_virtual_time
@pytest.mark.parametrize("deaf", [True, False], ids=["cut", "mute"])
@pytest.mark.parametrize("asked_at", [(-0.05,), (0.1,), (5.0,), (12.0,), (-0.05, 0.1, 5.0, 12.0)])
async def test_calls_in_the_silence_are_answered_with_at_most_two_tokens_each(
    asked_at: tuple[float, ...], deaf: bool
) -> None:
    """With default settings."""
    async with Simulator(seed=SEED, now=lambda: NOW, quota=None, latency=0.1) as opend:
        connector = Connector(opend.memory)
        async with aiocapdist.connect(connector) as client:
            await trio.sleep(20.0)
            answered: list[float] = []

            async def ask(code: str, at: float) -> None:
                await trio.sleep_until(began + at)
                assert amounts(await client.capital_distribution(code)) == expected_amounts(code)
                answered.append(round(trio.current_time() - began, 2))

            began = trio.current_time() + 0.05
            with trio.fail_after(30.0):
                async with anyio.create_task_group() as callers:
                    for code, at in zip(CODES, asked_at, strict=False):
                        callers.start_soon(ask, code, at)
                    await trio.sleep_until(began)
                    connector.streams[0].dead, connector.streams[0].deaf = True, deaf
            spent = client.quota.limit - client.quota.available
            assert client.status.reconnects == 1
    figure(13, asked_at=asked_at, answered_at=answered, tokens=spent)
    assert spent <= 2 * len(asked_at)
    assert max(answered) < 18.0 + 0.5


@on_virtual_time
@pytest.mark.parametrize("timeout", [USUAL, PATIENT])
@pytest.mark.parametrize("interval", [0, -1, -(2**31), 1, 10, 60, 3600, 2**31 - 1])
@pytest.mark.parametrize("asked_at", [-0.05, 0.1, 15.0, 29.0])
async def test_whatever_interval_opend_states_a_call_is_answered_within_33_s_of_the_last_byte(
    interval: int, timeout: float, asked_at: float
) -> None:
    async with Simulator(seed=SEED, now=lambda: NOW, quota=None, latency=0.1) as opend:
        announce_keep_alive_interval(opend, interval)  # in its replies alone
        connector = Connector(opend.memory)
        async with aiocapdist.connect(connector, request_timeout=timeout) as client:
            await trio.sleep(20.0)
            began = trio.current_time() + 0.05

            async def silence() -> None:
                await trio.sleep_until(began)
                connector.streams[0].dead = True

            async with anyio.create_task_group() as group:
                group.start_soon(silence)
                await trio.sleep_until(began + asked_at)
                with trio.fail_after(40.0):
                    figures = await client.capital_distribution("HK.00700")
            assert amounts(figures) == expected_amounts("HK.00700")
            answered_at = trio.current_time() - began
            figure(30, interval=interval, request_timeout=timeout, answered=f"{answered_at:.1f} s")
            assert answered_at <= 33.0
            assert client.status.reconnects == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"] if SCALE > 1 else ["asyncio"])
async def test_silence_over_real_sockets_is_noticed_in_time() -> None:
    """Four connections at a time, with an interval of one second."""
    late: list[float] = []

    async def one() -> None:
        async with (
            Simulator(seed=SEED, now=lambda: NOW, keep_alive_interval=1, latency=0.01) as opend,
            Proxy(opend.port) as proxy,
            aiocapdist.connect(port=proxy.port) as client,
            anyio.create_task_group() as group,
        ):
            assert amounts(await client.capital_distribution("HK.00700")) == expected_amounts(
                "HK.00700"
            )
            events = client.events()
            assert isinstance(await anext(events), Connected)
            (link,) = proxy.links
            link.blackhole()
            last = link.last_down_at
            got: list[aiocapdist.CapitalDistribution] = []

            async def ask() -> None:
                got.append(await client.capital_distribution("US.AAPL"))

            group.start_soon(ask)
            assert isinstance(await anext(events), Disconnected)
            late.append(anyio.current_time() - last)
            await until(lambda: got)
            assert amounts(got[0]) == expected_amounts("US.AAPL")
            assert len(proxy.links) == 2

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(one)
    figure(13, seconds_over_real_sockets=[round(seconds, 3) for seconds in late], interval=1)
    # The lower bound is exact; a busy machine may take longer.
    assert all(SILENCE_LIMIT - 0.05 <= seconds < SILENCE_LIMIT + 3.0 for seconds in late)


@on_virtual_time
async def test_a_connection_with_an_occasional_byte_is_kept() -> None:
    async with Simulator(quota=None, keep_alive_interval=10) as opend:
        async with aiocapdist.connect(opend.memory) as client:
            await trio.sleep(3600.0)
            assert client.status.reconnects == 0
            assert sum(log.proto_id == 1004 for log in opend.requests) >= 440
