"""The client: one connection to OpenD, one quota, as many callers as you like."""

from __future__ import annotations

from collections.abc import Iterable

from .._connection.event_stream import EventStream
from .._connection.gateway import Gateway, name_of
from .._connection.supervisor import server_version
from .._protocol.questions import CapitalDistributionQuestion
from .._requests.queue import RequestQueue
from .._requests.single_flight import SingleFlight
from .._requests.sweep_source import SweepSource
from ..models import Status
from ..quota import Quota
from ..quota._core.quota import scheduler_of
from .base import Asking


class Client(Asking):
    """Made by :func:`aiocapdist.connect`. For the event loop that it was made on.

    All its calls may be made at once, from any number of tasks. Cancelling any of them is
    safe: what was not sent leaves no trace, and a late reply to what was is dropped.
    """

    def __init__(self, gateway: Gateway) -> None:
        supervisor, quota = gateway.supervisor, gateway.quota
        self._supervisor = supervisor
        self._quota = quota
        question = CapitalDistributionQuestion(gateway.security_firm)
        super().__init__(
            supervisor.clock,
            SingleFlight(supervisor.clock, question, gateway.attempts),
            gateway.attempts,
            RequestQueue(supervisor, scheduler_of(quota)),
            RequestQueue(supervisor, supervisor.unmetered),
        )
        self._lanes[quota] = self._singles
        supervisor.use(quota)
        supervisor.add(self._singles)
        supervisor.add(self._free)

    def __repr__(self) -> str:
        return f"<Client of {name_of(self._supervisor.connector)}, {self.status.state}>"

    @property
    def status(self) -> Status:
        """Where the connection stands, now."""
        supervisor = self._supervisor
        welcome, traffic, since = supervisor.welcome, supervisor.traffic, supervisor.ready_since
        return Status(
            state=supervisor.state.value,
            transport=supervisor.connector.name,
            encrypted=supervisor.encrypted,
            conn_id=welcome.conn_id if welcome and supervisor.connection else None,
            server_version=server_version(welcome),
            login_user_id=welcome.login_user_id if welcome else None,
            uptime=None if since is None else self._clock() - since,
            reconnects=supervisor.reconnects,
            calls=traffic.calls,
            late_replies=traffic.late_replies,
            round_trip=traffic.round_trip(),
        )

    @property
    def quota(self) -> Quota:
        """The quota in use: ``available``, ``waiting``, ``rejections``, ``eta(n)``."""
        return self._quota

    def events(self) -> EventStream:
        """What happens from now on: ``async for event in client.events()``.

        Connected (first of all where that is so already), Disconnected, Reconnecting,
        Throttled, Unthrottled and OpenD's own notices, one model each (``aiocapdist.events``).
        Ends when the client is closed. A listener that falls 256 behind loses the oldest and
        gets an EventsDropped with their count; it never slows a reply. Source: push 1003.
        """
        return self._supervisor.listen()

    async def aclose(self) -> None:
        """End the connection; calls that wait end with ClientClosed. Repeatable, any task."""
        await self._supervisor.aclose()

    def _sweep_lane(self, codes: Iterable[str], max_age: float) -> SweepSource:
        return SweepSource(codes, self._singles, self._desk, max_age=max_age)

    def _new_lane(self, quota: Quota) -> RequestQueue:
        self._supervisor.use(quota)
        lane = RequestQueue(self._supervisor, scheduler_of(quota))
        self._supervisor.add(lane)
        return lane
