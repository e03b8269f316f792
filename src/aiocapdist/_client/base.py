"""The calls of a client, over one gateway or several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from google.protobuf.message import Message

from .._connection.event_stream import EventStream
from .._connection.gateway import Gateway
from .._connection.hub import Hub
from .._requests.kinds import (
    DistributionRequest,
    FlowRequest,
    GlobalStateRequest,
    M,
    MessageRequest,
)
from .._requests.market_phases import MarketPhases
from .._requests.queue import RequestQueue
from .._requests.request import Request, T
from .._requests.single_flight import Distributions, Flows, SingleFlight
from .._requests.sweep_source import SweepSource
from .._requests.watch_source import WatchSource
from ..models import CapitalDistribution, CapitalFlow, GlobalState, Period, Security
from ..models.flow import flow_dates
from ..quota import Quota
from . import guesses
from .arguments import check_askable, check_codes, check_every, check_seconds
from .deadlines import wait_for
from .observers import Observers
from .queues import Queues
from .sweep import Sweep
from .watch import Watch


class BaseClient:
    """What a client and a group have in common. ``gateways`` are by their names in the group;
    the only gateway of a single client has none."""

    def __init__(self, hub: Hub, gateways: Mapping[str | None, Gateway]) -> None:
        self._hub = hub
        self._gateways = gateways
        self._attempts = max(gateway.attempts for gateway in gateways.values())

        def clock() -> float:
            return hub.clock()  # another one once the client is closed

        self._single_flight: Distributions = SingleFlight(
            DistributionRequest, clock, self._attempts
        )
        # Answers are not kept: each may be a day of minutes.
        self._flows: Flows = SingleFlight(FlowRequest, clock, self._attempts, kept=0)
        self._queues = Queues(hub, gateways)
        self._singles = self._queues.singles
        self._free = self._queues.free
        self._observers = Observers(
            [self._single_flight, self._flows],
            {name: gateway.supervisor.stats for name, gateway in gateways.items()},
        )
        self._watches: WeakSet[WatchSource] = WeakSet()
        self._phases = MarketPhases(self._free, self._attempts)

    async def capital_distribution(
        self,
        code: str | Security,
        *,
        timeout: float | None = None,
        max_wait: float | None = None,
        max_age: float = 0.0,
    ) -> CapitalDistribution:
        """Return the figures of one security, in currency units of its market.

        An equal call that is queued or in flight is joined: it costs one request for all.
        With ``max_age`` the latest answer is returned if it came within that many seconds.
        ``timeout`` limits the whole call, in seconds: the wait for OpenD, for the quota and for
        the reply. ``max_wait`` limits the wait for the quota alone. Without them there is no
        limit but ``reconnect_timeout`` while OpenD is away.

        Raises InvalidCode, UnknownSecurity, UnsupportedSecurity, OpenDError,
        QuotaWaitTooLong, RequestTimeout, ConnectionLost, ClientClosed or ProtocolError.
        Cancelling is safe at any time. Source: proto 3212.
        """
        self._hub.check_loop()
        security = Security.parse(code)
        if not isinstance(code, str):
            code = str(code)
        plain = timeout is None and max_wait is None and max_age == 0.0
        if not plain:
            check_seconds("timeout", timeout)
            check_seconds("max_wait", max_wait)
            check_seconds("max_age", max_age)
            answer = self._single_flight.cached(code, max_age) if max_age > 0 else None
            if answer is not None:
                return answer.value
        request = self._single_flight.join(code, security, self._singles)
        if request.done:
            return request.result()
        return await (request.wait() if plain else wait_for(request, timeout, max_wait))

    async def capital_flow(
        self,
        code: str | Security,
        period: Period = Period.INTRADAY,
        *,
        start: date | str | None = None,
        end: date | str | None = None,
        timeout: float | None = None,
        max_wait: float | None = None,
    ) -> CapitalFlow:
        """Return net amounts of one security over time, in currency units of its market.

        **Intraday rows are cumulative over the day: never add them up.** A row of a day, week
        or month covers that period alone. What OpenD does not send is None.

        ``start`` and ``end`` limit days, weeks and months: dates of the market, or texts such as
        ``2025-12-31``. Without them OpenD sends about a year. Equal calls that are queued or in
        flight share one request. These calls have a quota of their own, ``flow_quota``.
        ``timeout`` and ``max_wait`` are as for :meth:`capital_distribution`.

        Raises ValueError or TypeError for wrong dates or a wrong period, before anything is
        sent; InvalidCode, UnknownSecurity, UnsupportedSecurity, OpenDError, QuotaWaitTooLong,
        QuotaUnavailable, RequestTimeout, ConnectionLost, ClientClosed or ProtocolError.
        Cancelling is safe at any time. Source: proto 3211.
        """
        self._hub.check_loop()
        check_seconds("timeout", timeout)
        check_seconds("max_wait", max_wait)
        period = Period(period)
        security = Security.parse(code)
        key = (str(code), period, *flow_dates(period, start, end))
        queue = await self._queues.for_flows()
        request = self._flows.join(key, security, queue)
        return request.result() if request.done else await wait_for(request, timeout, max_wait)

    def capital_distributions(
        self, codes: Iterable[str | Security], *, timeout: float | None = None, max_age: float = 0.0
    ) -> Sweep:
        """Return the figures of many securities, as they come: ``async for outcome in …``.

        One outcome for each code; a wrong code does not end it. A code given twice gets two
        outcomes and costs one request; from an iterator rather than a collection this
        holds within the latest 4096 codes. ``await client.capital_distributions(codes)``
        returns all at once, as a SweepResult.
        ``timeout`` limits the whole sweep, in seconds from its first step: codes without an
        answer by then get a RequestTimeout, and are not sent any more. ``max_age`` is as for
        one security.

        Raises TypeError for a single string. What goes wrong with a code is its outcome's
        ``error``. Leaving the loop early spends no further token. Source: proto 3212.
        """
        check_codes(codes)
        check_seconds("timeout", timeout)
        check_seconds("max_age", max_age)

        def make_source(codes: Iterable[str | Security]) -> SweepSource:
            return SweepSource(
                codes, self._singles, self._single_flight, timeout=timeout, max_age=max_age
            )

        return Sweep(codes, make_source, self)

    def watch(
        self, codes: Iterable[str | Security], every: float = 60.0, while_closed: bool = False
    ) -> Watch:
        """Return changes of many securities, as they come: ``async for change in …``.

        Each code is asked for at once, as fast as the quota allows, and from then on once in
        each ``every`` seconds, evenly spread. If the quota does not allow so many requests, it
        takes longer: see ``round_time``. Single calls are not held up. A reader gets the first
        figures of each code, then a :class:`Change` whenever they differ; of changes that were
        not read in time only the latest of each code. An error is reported when it begins, and
        the figures when it is over.

        While a market is closed its codes are asked for once after the close, then not until it
        opens; with ``while_closed`` always. OpenD is asked for the markets' states every 30
        seconds, which costs no token; markets whose state it does not report count as open.

        Watches and calls of one client share requests. Nothing is asked while nobody iterates.
        While OpenD is away, a watch waits for it; see ``events``.

        Raises InvalidCode for a code that is not valid, TypeError for a single string,
        ValueError if ``every`` is not above 0. An iteration ends with ClientClosed when the
        client is closed. Cancelling it loses no change. Sources: protos 3212, 1002.
        """
        check_every(every)
        quotas = {gateway.quota for gateway in self._gateways.values()}
        source = WatchSource(
            self._singles,
            self._single_flight,
            None if while_closed else self._phases,
            every=every,
            rate=sum((one.limit - one.reserve) / (one.period + one.margin) for one in quotas),
        )
        self._watches.add(source)
        watch = Watch(source, self)
        watch.add(codes)
        return watch

    async def global_state(self, *, timeout: float | None = None) -> GlobalState:
        """Return market phases, log-ins and clocks. Costs no token.

        ``timeout`` limits the whole call, in seconds.

        Raises OpenDError, RequestTimeout, ConnectionLost, ClientClosed or ProtocolError.
        Cancelling is safe. Source: proto 1002.
        """
        self._hub.check_loop()
        check_seconds("timeout", timeout)
        request = GlobalStateRequest(self._free, self._attempts)
        return await ask(request, self._free, timeout, self._observers)

    async def request(
        self,
        proto_id: int,
        message: Message,
        response_type: type[M],
        *,
        quota: Quota | None = None,
        idempotent: bool = False,
        timeout: float | None = None,
    ) -> M:
        """Send any other call of OpenD over the same connection, in any protobuf classes.

        ``message`` is the whole request (with its ``c2s``), ``response_type`` the class of
        its reply; the vendor's own classes work. With a ``quota`` it waits in the line of that
        quota, and goes back there if OpenD rejects it for frequency. Without one it is sent at
        once, except calls that the client's own quotas count (3212, 3211). If its fate is
        unknown (the connection was lost, no reply came) it is sent again only if
        ``idempotent``: safe for calls that only read. ``timeout`` limits the whole call, in
        seconds.

        Raises OpenDError or one of its kinds if the reply's ``retType`` is not 0 (the
        reply's other fields are lost then), ProtocolError if it cannot be read as
        ``response_type``, RequestTimeout, ConnectionLost or ClientClosed; QuotaUnavailable
        if a shared ``quota`` cannot be reached; ValueError if ``message`` lacks required
        fields or ``proto_id`` cannot be asked. Cancelling is safe. Pushes that such a call
        switches on are dropped.
        """
        self._hub.check_loop()
        check_askable(proto_id)
        check_seconds("timeout", timeout)
        if not isinstance(message, Message):
            raise TypeError(f"message is a protobuf message, not {type(message).__name__}")
        if not message.IsInitialized():
            missing = ", ".join(message.FindInitializationErrors())  # type: ignore[attr-defined]
            raise ValueError(f"the message lacks required fields: {missing}")
        queue = await self._queues.for_call(proto_id, quota)
        body = message.SerializeToString()
        request = MessageRequest(
            queue, self._attempts, proto_id, body, response_type, idempotent=idempotent
        )
        return await ask(request, queue, timeout, self._observers)

    def events(self) -> EventStream:
        """Return what happens from now on: ``async for event in client.events()``.

        Connected (first of all if the client is connected), Disconnected, Reconnecting,
        Throttled, Unthrottled and OpenD's own notices, one model each (``aiocapdist.events``);
        of a group each event's ``gateway`` says at which. A quota that several share is
        reported by each. Ends when the client is closed. A listener that falls 256 behind loses
        the oldest and gets an EventsDropped with their number; it never delays a reply.
        Source: push 1003.
        """
        self._hub.check_loop()
        stream = self._hub.listen()
        stream.client = self
        return stream

    async def aclose(self) -> None:
        """Close all connections; calls that wait end with ClientClosed. Repeatable, any task.

        Once the client's event loop has ended, this still releases its quotas.
        """
        await self._hub.aclose()

    if not TYPE_CHECKING:
        __new__ = guesses.made_by(
            "aiocapdist.connect()", "async with aiocapdist.connect(…) as client:"
        )

        def __getattr__(self, name: str) -> Any:
            raise guesses.missing(self, name, close="`await client.aclose()`", call="await ")

    def __del__(self) -> None:
        # Also called if __init__ raised.
        if (hub := getattr(self, "_hub", None)) is not None:
            hub.dropped(self)


def hub_of(client: BaseClient) -> Hub:
    """Return the object that keeps a client connected."""
    return client._hub


async def ask(
    request: Request[T],
    queue: RequestQueue,
    timeout: float | None,
    observers: Observers | None = None,
) -> T:
    try:
        try:
            queue.submit(request)
        except BaseException:
            request.cancel_if_unwanted()
            raise
        return request.result() if request.done else await wait_for(request, timeout)
    finally:
        if observers:
            observers.done(request)
