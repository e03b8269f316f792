"""Several gateways as one: kept connected side by side, and told of each other's fate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import anyio

from .._loop import Clock, Waiter, wait_shielded, waiter_kind
from ..errors import AiocapdistError, ConnectError
from ..events import Event
from ..quota import Quota
from ..quota._core.quota import scheduler_of
from ..quota._core.unlimited import Unlimited
from .connect_errors import explain_none_reached
from .event_stream import EventPublisher, EventStream
from .gateway import Gateway
from .supervisor import ConnectionListener, Supervisor, connected


class Supervisors:
    """A group's supervisors. While one of them has hope, so have all calls."""

    def __init__(self, gateways: Mapping[str, Gateway]) -> None:
        self.gateways = gateways
        self.supervisors: dict[str, Supervisor] = {
            name: gateway.supervisor for name, gateway in gateways.items()
        }
        first = next(iter(self.supervisors.values()))
        self.clock: Clock = first.clock
        self.new_waiter: Callable[[], Waiter] = waiter_kind()
        self.unmetered: Unlimited = Unlimited(self.clock)
        self.lanes: set[ConnectionListener] = set()
        self.feed: EventPublisher = EventPublisher()
        self.finished: anyio.Event = anyio.Event()
        self.task: object = None  # held, since a loop holds its tasks weakly
        self._ended: list[Supervisor] = []
        self._quotas = list(dict.fromkeys(scheduler_of(g.quota) for g in gateways.values()))
        self._relays = [Relay(self.feed, name) for name in gateways]
        for supervisor, relay in zip(self.supervisors.values(), self._relays, strict=True):
            supervisor.keep_trying = True
            supervisor.add(self)
            supervisor.also_pump(self.pump)
            supervisor.feed.add(relay)

    # ---- its life, which is that of its supervisors

    async def start(self) -> None:
        """Wait until one gateway is reached; raise ConnectError where none is."""
        causes: dict[str, AiocapdistError] = {}
        async with anyio.create_task_group() as group:

            async def wait_for(name: str, supervisor: Supervisor) -> None:
                try:
                    await supervisor.start()
                except AiocapdistError as error:
                    causes[name] = error
                else:
                    group.cancel_scope.cancel()

            for name, supervisor in self.supervisors.items():
                group.start_soon(wait_for, name, supervisor)
        if len(causes) == len(self.supervisors):
            raise explain_none_reached(causes)

    async def run(self) -> None:
        """Keep them connected until each has come to its end."""
        try:
            async with anyio.create_task_group() as group:
                for supervisor in self.supervisors.values():
                    group.start_soon(supervisor.run)
        finally:
            self.finish()

    def finish(self) -> None:
        """Let go of everything, at the end of ``run`` or in its place. Repeatable."""
        for supervisor in self.supervisors.values():
            supervisor.finish()
        self.feed.close()
        self.finished.set()

    async def aclose(self) -> None:
        """End every call with ClientClosed and all connections. Repeatable."""
        if not self.finished.is_set():  # else it was perhaps on a loop that is no more
            for supervisor in self.supervisors.values():
                supervisor.stop()
            await wait_shielded(self.finished)

    # ---- what lanes call

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        """What calls end with from now on; None while one gateway has hope."""
        if len(self._ended) < len(self.supervisors):
            return None
        ends = [supervisor.final_error(sent=sent) for supervisor in reversed(self._ended)]
        # Who was reached and lost says more than who was never reached.
        return next((end for end in ends if not isinstance(end, ConnectError)), ends[0])

    def use(self, quota: Quota) -> None:
        """Grant this quota's tokens too, over any gateway."""
        for supervisor in self.supervisors.values():
            supervisor.use(quota)
        if scheduler_of(quota) not in self._quotas:
            self._quotas.append(scheduler_of(quota))

    def pump(self) -> None:
        """What one gateway leaves undone, or its coming back, may let others go."""
        for quota in self._quotas:
            quota.pump()
        self.unmetered.pump()

    # ---- what supervisors tell (see _supervisor.ConnectionListener)

    def refresh(self) -> None:
        for lane in list(self.lanes):
            lane.refresh()

    def fail(self, error: AiocapdistError) -> None:
        """One of them is at its end."""
        for supervisor in self.supervisors.values():
            if supervisor not in self._ended and supervisor.final_error(sent=False) is not None:
                self._ended.append(supervisor)
        final = self.final_error(sent=False)
        if final is None:
            self.refresh()
            return
        for lane in list(self.lanes):
            lane.fail(final)

    # ---- events

    def listen(self) -> EventStream:
        """Events of all gateways from now on, after one for each that is connected."""
        stream = self.feed.listen()
        for name, supervisor in self.supervisors.items():
            if supervisor.connection is not None and supervisor.welcome is not None:
                stream.put(named(connected(supervisor.welcome), name))
        return stream


class Relay:
    """Hands on what one gateway's feed tells, with its name (see _feed.Listener)."""

    def __init__(self, feed: EventPublisher, gateway: str) -> None:
        self._feed = feed
        self._gateway = gateway

    def put(self, event: Event, size: int = 0) -> None:
        self._feed.publish(named(event, self._gateway), size)

    def end(self) -> None:
        """The others go on: the fleet tells when all have ended."""


def named(event: Event, gateway: str) -> Event:
    """The same event, about this gateway."""
    return event.model_copy(update={"gateway": gateway})
