"""A client, a simulator and everything that can happen between them, on a loop run step by step.

The loop runs only inside a method: each method does one thing and then runs what is ready, so
that Hypothesis decides what happens, and in what order.
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
from ..support.internals import attach, detach, effective_limit, in_flight, tokens, tombstones
from ..support.transports import NOW, SEED
from ..support.virtual_asyncio import VirtualLoop
from .pieces import Called, Pipe, Script

PERIOD = 30.0
UNREFUSED = 10**6
"""The simulator's own limit: it only counts, so that a request too many would be seen."""


class World:
    """The client and the simulator. ``trouble`` is True once a call may fail."""

    def __init__(
        self, limit: int, latency: tuple[float, float], attempts: int, *, handshake: bool
    ) -> None:
        self.loop = VirtualLoop()
        self.quota = Quota(limit, PERIOD)
        self.flow_quota = Quota(limit, PERIOD)
        self.quotas = (self.quota, self.flow_quota)
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
        # A user of the quotas besides their clients keeps their clocks running without one.
        for quota in self.quotas:
            attach(quota, self.loop.time, _ignore)
        async with self.opend:
            self._is_open = True
            await self._ended.wait()
        for quota in self.quotas:
            detach(quota, _ignore)

    async def _make_pipe(self) -> Pipe:
        return Pipe(self.opend)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Wait for this coroutine, and then run what is ready."""
        value = self.loop.run_until_complete(coroutine)
        self.loop.settle()
        return value

    def do(self, function: Callable[[], object]) -> None:
        """Call this function on the loop, and then run what is ready."""

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
        """Open a new client with the same quota; there is none if it cannot connect."""
        try:
            self._client = self.run(self._connect())
        except aiocapdist.ConnectError:
            assert self.trouble
            self._client = None

    async def _connect(self) -> Client:
        return await aiocapdist.connect(
            self.pipe,
            quota=self.quota,
            flow_quota=self.flow_quota,
            attempts=self._attempts,
            connect_timeout=5.0,
        )

    def close_client(self) -> None:
        self.trouble = True
        self.run(self.client.aclose())
        self._client = None

    def call(
        self, coroutine: Coroutine[Any, Any, Any], is_own: Callable[[Any], bool], requests: int = 1
    ) -> None:
        """Start a call in a task of its own."""
        self.calls.append(Called(self.loop.create_task(coroutine), is_own, requests))
        self.loop.settle()

    # ---- checks

    @property
    def running(self) -> list[Called]:
        return [call for call in self.calls if not call.task.done()]

    def check_ended(self) -> None:
        """Check the calls that have ended, and forget them."""
        for call in self.calls:
            if call.task.done():
                call.check(trouble=self.trouble)
        self.calls = self.running

    @property
    def flights(self) -> list[Any]:
        """Requests of the present connection: in flight, or cancelled with a tombstone."""
        if not self.has_client:
            return []
        return [*in_flight(self.client), *tombstones(self.client)]

    # ---- the end

    def come_to_an_end(self) -> None:
        """Stop all trouble; then every call must end in bounded time and leave nothing."""
        self.script.coming.clear()
        self.do(self.pipe.unblock)
        self.run(self.opend.come_back())
        waiting = sum(call.requests for call in self.running)
        bound = self.loop.time() + 600.0 + 100.0 * math.ceil(waiting / self.quota.limit)
        while self.running and self.loop.time() < bound:
            self.loop.let_pass(10.0)
        assert not self.running, f"hung: {self.running}"
        self.check_ended()
        self.loop.let_pass(95.0)  # a late reply may be expected for 60 s, and expires for 31
        assert not self.flights
        for quota in self.quotas:
            assert quota.available == effective_limit(quota)
            assert tokens(quota).free == quota.limit
        if self.has_client:
            self.run(self.client.aclose())
        self.loop.let_pass(0.0)
        assert self.opend.connections == 0
        self.do(self._ended.set)
        left = asyncio.all_tasks(self.loop)
        assert not left, f"tasks are left: {left}"

    def close(self) -> None:
        """Close the port and the loop, whatever happened."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.settle()
        self.loop.close()


def _ignore(event: QuotaEvent) -> None:
    """Ignore what the quota tells its users."""
