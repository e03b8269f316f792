"""A client, a simulator, and all that can happen between them, on a loop that is stepped.

The world runs only while somebody calls it: each method does one thing and then lets run
what is ready, so that Hypothesis decides what happens, and in what order.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import aiocapdist
from aiocapdist import Client, Quota
from aiocapdist.events import QuotaEvent
from aiocapdist.simulator import Faults, Simulator

from ..support.custom_call import PROTO_ID, double
from ..support.internals import effective_limit, in_flight, tokens, tombstones
from ..support.transports import NOW, SEED
from ..support.virtual_asyncio import VirtualLoop
from .pieces import Called, Pipe, Script, own_port

PERIOD = 30.0
UNREFUSED = 10**6
"""The simulator's own limit: it counts, and would let one too many pass and be seen."""


class World:
    """All there is. ``trouble`` is whether anything happened that a call may fail of."""

    def __init__(
        self, limit: int, latency: tuple[float, float], attempts: int, *, handshake: bool
    ) -> None:
        self.loop = VirtualLoop()
        self.quota = Quota(limit, PERIOD)
        self.latency = latency
        self.trouble = False
        self.calls: list[Called] = []
        self._client: Client | None = None
        self._attempts = attempts
        self.script = Script()
        self.faults = Faults(
            script=self.script, handshake=handshake, delay=(0.1, 70.0), flood=300, away=3.0
        )
        self.opend = Simulator(
            port=own_port(),
            quota=(UNREFUSED, PERIOD),
            latency=latency,
            seed=SEED,
            now=lambda: NOW,
            answers={PROTO_ID: double},
            faults=self.faults,
        )
        self._ended = asyncio.Event()
        self._host = self.loop.create_task(self._keep_open())
        self._is_open = False
        while not self._is_open:
            assert not self._host.done()
            self.loop.settle()  # the simulator looks up its host in a thread
        self.pipe = self.run(self._make_pipe())
        self.open_client()

    async def _keep_open(self) -> None:
        # A user of the quota besides its clients: its clock goes on while none is there.
        self.quota.attach(self.loop.time, _ignore)
        async with self.opend:
            self._is_open = True
            await self._ended.wait()
        self.quota.detach(_ignore)

    async def _make_pipe(self) -> Pipe:
        return Pipe(self.opend)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Wait for this, and then let run what is ready."""
        value = self.loop.run_until_complete(coroutine)
        self.loop.settle()
        return value

    def do(self, function: Callable[[], object]) -> None:
        """Do this on the loop, and then let run what is ready."""

        async def doing() -> None:
            function()

        self.run(doing())

    # ---- the client

    @property
    def has_client(self) -> bool:
        """True if a client is open."""
        return self._client is not None

    @property
    def client(self) -> Client:
        """The client that is open."""
        assert self._client is not None
        return self._client

    def open_client(self) -> None:
        """A client, which is another one each time; the quota stays. It may find nobody in."""
        try:
            self._client = self.run(self._connect())
        except aiocapdist.ConnectError:
            assert self.trouble
            self._client = None

    async def _connect(self) -> Client:
        return await aiocapdist.connect(
            self.pipe, quota=self.quota, attempts=self._attempts, connect_timeout=5.0
        )

    def close_client(self) -> None:
        self.trouble = True
        self.run(self.client.aclose())
        self._client = None

    def call(
        self, coroutine: Coroutine[Any, Any, Any], is_own: Callable[[Any], bool], requests: int = 1
    ) -> None:
        """Start it, in a task of its own."""
        self.calls.append(Called(self.loop.create_task(coroutine), is_own, requests))
        self.loop.settle()

    # ---- looking

    @property
    def running(self) -> list[Called]:
        return [call for call in self.calls if not call.task.done()]

    def check_ended(self) -> None:
        """Those that have ended, have ended well."""
        for call in self.calls:
            if call.task.done():
                call.check(trouble=self.trouble)
        self.calls = self.running

    @property
    def flights(self) -> list[Any]:
        """Requests that the present connection keeps, awaited or forgotten."""
        if not self.has_client:
            return []
        return [*in_flight(self.client), *tombstones(self.client)]

    # ---- the end

    def come_to_an_end(self) -> None:
        """No more trouble; and then every call ends in bounded time, and leaves nothing."""
        self.script.coming.clear()
        self.do(self.pipe.unclog)
        self.run(self.opend.come_back())
        waiting = sum(call.requests for call in self.running)
        bound = self.loop.time() + 600.0 + 100.0 * math.ceil(waiting / self.quota.limit)
        while self.running and self.loop.time() < bound:
            self.loop.let_pass(10.0)
        assert not self.running, f"hung: {self.running}"
        self.check_ended()
        self.loop.let_pass(95.0)  # a late reply may be expected for 60 s, and cools for 31
        assert not self.flights
        assert self.quota.available == effective_limit(self.quota)
        assert tokens(self.quota).free == self.quota.limit
        if self.has_client:
            self.run(self.client.aclose())
        self.loop.let_pass(0.0)
        assert self.opend.connections == 0
        self.do(self._ended.set)
        left = asyncio.all_tasks(self.loop)
        assert not left, f"tasks are left: {left}"

    def close(self) -> None:
        """Whatever happened: leave no port and no loop behind."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.settle()
        self.loop.close()


def _ignore(event: QuotaEvent) -> None:
    """Ignore what the quota tells its users."""
