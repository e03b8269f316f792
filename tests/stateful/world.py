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
from aiocapdist.events import Throttled, Unthrottled
from aiocapdist.simulator import Faults, Simulator

from ..support.custom_call import PROTO_ID, double
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
        self.client: Client | None = None
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
        self.quota.attach(self.loop.time, _hear_nothing)
        async with self.opend:
            self._is_open = True
            await self._ended.wait()
        self.quota.detach(_hear_nothing)

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

    def open_client(self) -> None:
        """A client, which is another one each time; the quota stays. It may find nobody in."""
        try:
            self.client = self.run(self._connect())
        except aiocapdist.ConnectError:
            assert self.trouble
            self.client = None

    async def _connect(self) -> Client:
        return await aiocapdist.connect(
            self.pipe, quota=self.quota, attempts=self._attempts, connect_timeout=5.0
        )

    def close_client(self) -> None:
        assert self.client is not None
        self.trouble = True
        self.run(self.client.aclose())
        self.client = None

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
    def session(self) -> Any:
        """The session of the connection that requests go out by now, if any."""
        connection = self.client and self.client._supervisor.connection
        return connection and connection._session

    @property
    def flights(self) -> list[Any]:
        """All that this session keeps of what was asked, awaited or forgotten."""
        if self.session is None:
            return []
        known = [*self.session.in_flight.values(), *self.session._tombstones.values()]
        return [flight for flight in known if flight.ref is not None]

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
        assert self.quota.available == self.quota._ceiling.value
        assert self.quota._ledger.free == self.quota.limit
        if self.client is not None:
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


def _hear_nothing(event: Throttled | Unthrottled) -> None:
    """What a quota tells its users."""
