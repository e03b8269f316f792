"""The gateways of a group: each kept connected by its own supervisor."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from .._task_group import TaskGroup, create_task_group, run_child
from ..errors import AiocapdistError, ConnectError
from ..events import Event
from ..quota._core.scheduler import Scheduler
from .connect_errors import explain_none_reached
from .event_stream import EventPublisher, EventStream
from .gateway import Gateway
from .hub import Hub, run_all
from .link_state import connected
from .stats import LoadFalls
from .supervisor import Supervisor


class Supervisors(Hub):
    """A group's supervisors. While one of them may still connect, calls may wait."""

    def __init__(self, gateways: Mapping[str, Gateway]) -> None:
        self.gateways = gateways
        self._all = {name: gateway.supervisor for name, gateway in gateways.items()}
        super().__init__(next(iter(self._all.values())).clock)
        self._away: list[Supervisor] = []  # in the order in which they went
        self._pump_asked = False
        self._background: TaskGroup | None = None
        # Held here: publishers hold them weakly.
        self._relays = [Relay(self.publisher, name) for name in gateways]
        load_falls = LoadFalls()
        for supervisor, relay in zip(self._all.values(), self._relays, strict=True):
            supervisor.keep_trying = True
            supervisor.load_falls = load_falls
            supervisor.add(self)
            supervisor.after_pump = self._pump_if_asked
            supervisor.publisher.add(relay)

    # ---- its life, which is that of its supervisors

    async def start(self) -> None:
        """Wait until one gateway is connected; raise ConnectError if none can be."""
        causes: dict[str, AiocapdistError] = {}
        async with create_task_group() as group:

            async def wait_for(name: str, supervisor: Supervisor) -> None:
                try:
                    await supervisor.start()
                except AiocapdistError as error:
                    causes[name] = error
                else:
                    group.cancel_scope.cancel()

            for name, supervisor in self._all.items():
                group.start_soon(wait_for, name, supervisor)
        if len(causes) == len(self._all):
            raise explain_none_reached(causes)

    async def stay_connected(self) -> None:
        """Keep all gateways connected until each has ended."""
        async with create_task_group() as background:
            self._background = background
            async with create_task_group() as group:
                for supervisor in self._all.values():
                    group.start_soon(run_child, supervisor.run)
            background.cancel_scope.cancel()

    def release(self) -> None:
        """End every call and release the quotas. Repeatable."""
        self._background = None
        run_all([supervisor.finish for supervisor in self._all.values()])

    def start_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        if self._background is None:
            return False
        self._background.start_soon(run_child, function)
        return True

    def stop(self) -> None:
        run_all([supervisor.stop for supervisor in self._all.values()])

    # ---- called by queues

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        if any(one.final_error(sent=sent) is None for one in self._all.values()):
            return None
        errors = [
            supervisor.final_error(sent=sent)
            for supervisor in reversed(self._away or list(self._all.values()))
        ]
        # A gateway that was connected and lost says more than one that never was.
        return next((error for error in errors if not isinstance(error, ConnectError)), errors[0])

    def use(self, scheduler: Scheduler) -> None:
        for supervisor in self._all.values():
            supervisor.use(scheduler)

    def pump_later(self) -> None:
        self._pump_asked = True

    def _pump_if_asked(self) -> None:
        """Pump all: what one gateway gave back can be sent by any other."""
        if not self._pump_asked:
            return
        self._pump_asked = False
        for supervisor in self._all.values():
            supervisor.pump_own()
        self.unlimited.pump()

    # ---- called by supervisors (see _requests.interfaces.ConnectionListener)

    def refresh(self) -> None:
        self.refresh_all()
        self._pump_asked = True

    def fail(self, error: AiocapdistError) -> None:
        """End calls if no gateway is left: one has ended, or has been away for too long."""
        away = [one for one in self._all.values() if one.final_error(sent=False) is not None]
        self._away = [one for one in self._away if one in away]
        self._away += [one for one in away if one not in self._away]
        final = self.final_error(sent=False)
        if final is None:
            self.refresh_all()
            self.expire_all()  # perhaps the others' quotas are out of reach
        else:
            self.fail_all(final)

    def expire(self) -> None:
        """End calls that wait for a quota which was out of reach for too long."""
        self.expire_all()

    # ---- events

    def listen(self) -> EventStream:
        stream = self.publisher.listen()
        for name, supervisor in self._all.items():
            if supervisor.connection is not None and supervisor.handshake is not None:
                stream.put(_of_gateway(connected(supervisor.handshake), name))
        return stream


class Relay:
    """Passes one gateway's events on, with its name (see event_stream.Listener)."""

    def __init__(self, publisher: EventPublisher, gateway: str) -> None:
        self._publisher = publisher
        self._gateway = gateway

    def put(self, event: Event, size: int = 0) -> None:
        self._publisher.publish(_of_gateway(event, self._gateway), size)

    def end(self) -> None:
        """Other gateways go on: the group closes the stream when all have ended."""


def _of_gateway(event: Event, gateway: str) -> Event:
    return event.model_copy(update={"gateway": gateway})
