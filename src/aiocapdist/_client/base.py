"""The calls of a client, over one gateway or several. Sweeps and watches are loaded when used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

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
from .._requests.single_flight import Distributions, Flows, SingleFlight
from ..models import CapitalDistribution, Period, Security
from ..models.period import flow_dates
from ..models.securities import check_codes
from ..quota import Quota
from . import guesses
from .arguments import check_askable, check_every, check_message, check_seconds
from .deadlines import submit, wait_for
from .observers import Observers
from .queues import Queues

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from .._requests.market_phases import MarketPhases
    from .._requests.watch_source import WatchSource
    from ..models import CapitalFlow, GlobalState
    from .sweep import Sweep
    from .watch import Watch


class BaseClient:
    """What a client and a group have in common. ``gateways`` are by their names in the group;
    the only gateway of a single client has none."""

    def __init__(self, hub: Hub, gateways: Mapping[str | None, Gateway]) -> None:
        self._hub = hub
        self._gateways = gateways
        attempts = self._attempts = max(gateway.attempts for gateway in gateways.values())

        def clock() -> float:
            return hub.clock()  # another one once the client is closed

        self._single_flight: Distributions = SingleFlight(DistributionRequest, clock, attempts)
        # Answers are not kept: each may be a day of minutes.
        self._flows: Flows = SingleFlight(FlowRequest, clock, attempts, kept=0)
        self._queues = Queues(hub, gateways)
        self._singles = self._queues.singles
        self._observers = Observers(
            [self._single_flight, self._flows],
            {name: gateway.supervisor.stats for name, gateway in gateways.items()},
        )
        self._watches: WeakSet[WatchSource] = WeakSet()

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
        Without ``timeout`` and ``max_wait`` there is no limit but ``reconnect_timeout`` while
        OpenD is away. Cancelling is safe at any time. Source: proto 3212.

        :param code: Such as ``HK.00700``, or a :class:`Security`.
        :param timeout: Seconds for the whole call: the wait for OpenD, for the quota and for the
            reply.
        :param max_wait: Seconds for the wait for the quota alone.
        :param max_age: Return the latest answer if it came within this many seconds.
        :raises InvalidCode, UnknownSecurity, UnsupportedSecurity: The code is wrong, not known to
            OpenD, or of a kind without such figures.
        :raises QuotaWaitTooLong: The quota does not allow the call within ``max_wait``.
        :raises RequestTimeout: ``timeout`` is over, or no reply came in ``attempts`` attempts.
        :raises ConnectionLost, ClientClosed: There is no connection, or none any more.
        :raises OpenDError, ProtocolError: OpenD reports an error, or replies nonsense.
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

    @guesses.explain_arguments(guesses.FLOW_ARGUMENTS)
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
        or month covers that period alone. What OpenD does not send is None. Equal calls that
        are queued or in flight share one request. These calls have a quota of their own,
        ``flow_quota``. Cancelling is safe at any time. Source: proto 3211.

        :param code: Such as ``HK.00700``.
        :param period: Rows by the minute of today, or by the day, week or month.
        :param start: First date of the market, or a text such as ``2025-12-31``; for days, weeks
            and months. Without dates OpenD sends about a year.
        :param end: Last date.
        :param timeout: Seconds for the whole call, as in :meth:`capital_distribution`.
        :param max_wait: Seconds for the wait for the quota alone.
        :raises ValueError, TypeError: Wrong dates or a wrong period. Nothing was sent.
        :raises QuotaUnavailable: The place of a shared quota cannot be used.
        :raises AiocapdistError: All other errors of :meth:`capital_distribution`.
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

    @guesses.explain_arguments(guesses.SWEEP_ARGUMENTS)
    def capital_distributions(
        self, codes: Iterable[str | Security], *, timeout: float | None = None, max_age: float = 0.0
    ) -> Sweep:
        """Return the figures of many securities, as they come: ``async for outcome in …``.

        One outcome for each code; what goes wrong with a code is its outcome's ``error``, and
        does not end the others. ``await client.capital_distributions(codes)`` returns all at
        once, as a SweepResult. Leaving the loop early spends no further token. Source: proto
        3212.

        :param codes: Any iterable, read as the quota allows. A collection may be changed
            after the first outcome. A code given twice gets two outcomes and costs one request;
            from an iterator rather than a collection this holds within the latest 4096 codes.
        :param timeout: Seconds for the whole sweep, from its first step. Codes without an answer
            by then get a RequestTimeout, and are not sent any more.
        :param max_age: Accept answers that are at most this many seconds old.
        :raises TypeError: ``codes`` is a single string.
        """
        from .sweep import Sweep

        check_codes(codes)
        check_seconds("timeout", timeout)
        check_seconds("max_age", max_age)
        return Sweep(
            codes, self._singles, self._single_flight, self, timeout=timeout, max_age=max_age
        )

    @guesses.explain_arguments(guesses.WATCH_ARGUMENTS)
    def watch(
        self, codes: Iterable[str | Security], every: float = 60.0, while_closed: bool = False
    ) -> Watch:
        """Return changes of many securities, as they come: ``async for change in …``.

        Each code is asked for at once, as fast as the quota allows, and from then on once in
        each ``every`` seconds, evenly spread. If the quota does not allow so many requests, it
        takes longer: see ``round_time``. Single calls are not held up. A reader gets the first
        figures of each code, then a :class:`Change` whenever they differ; of changes that were
        not read in time only the latest of each code. An error is reported when it begins, and
        the figures when it is over. Nothing is requested without a reader. Watches and calls of one
        client share requests.

        While a market is closed its codes are asked for once after the close, then not until it
        opens. OpenD is asked for the markets' states every 30 seconds, which costs no token;
        markets whose state it does not report count as open. While OpenD is away, a watch waits
        for it; see ``events``. Cancelling an iteration loses no change. An iteration ends with
        ClientClosed when the client is closed. Sources: protos 3212, 1002.

        :param codes: Codes to begin with; :meth:`Watch.add` and :meth:`Watch.discard` change them.
        :param every: Seconds in which each code is asked for once.
        :param while_closed: Ask while a market is closed too.
        :raises InvalidCode, TypeError: A code is not valid; ``codes`` is no list of codes.
        :raises ValueError: ``every`` is not above 0.
        """
        from .._requests.watch_source import WatchSource
        from .watch import Watch

        check_codes(codes)
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

    @cached_property
    def _phases(self) -> MarketPhases:
        """Which markets are closed, for all watches of this client."""
        from .._requests.market_phases import MarketPhases

        return MarketPhases(self._queues.free, self._attempts)

    async def global_state(self, *, timeout: float | None = None) -> GlobalState:
        """Return market phases, log-ins and clocks. Costs no token.

        Cancelling is safe. Source: proto 1002.

        :param timeout: Seconds for the whole call.
        :raises OpenDError, RequestTimeout, ConnectionLost, ClientClosed, ProtocolError: As by
            :meth:`capital_distribution`.
        """
        self._hub.check_loop()
        check_seconds("timeout", timeout)
        queue = self._queues.free
        request = GlobalStateRequest(queue, self._attempts)
        return await submit(request, queue, timeout, self._observers)

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

        Cancelling is safe. Pushes that such a call switches on are dropped.

        :param proto_id: Number of the call.
        :param message: The whole request, with its ``c2s``; the vendor's own classes work.
        :param response_type: Class of its reply.
        :param quota: Quota that the call waits for, and goes back to if OpenD rejects it for its
            frequency. Without one it is sent at once, except calls that the client's own quotas
            count (3212, 3211).
        :param idempotent: Send it again if its fate is unknown (the connection was lost, no reply
            came): safe for calls that only read.
        :param timeout: Seconds for the whole call.
        :raises OpenDError: The reply's ``retType`` is not 0; its other fields are lost then.
        :raises ProtocolError: The reply cannot be read as ``response_type``.
        :raises RequestTimeout, ConnectionLost, ClientClosed, QuotaUnavailable: As by
            :meth:`capital_distribution` and :func:`connect`.
        :raises ValueError: ``message`` lacks required fields, or ``proto_id`` cannot be asked.
        """
        self._hub.check_loop()
        check_askable(proto_id)
        check_seconds("timeout", timeout)
        check_message(message)
        queue = await self._queues.for_call(proto_id, quota)
        body = message.SerializeToString()
        request = MessageRequest(
            queue, self._attempts, proto_id, body, response_type, idempotent=idempotent
        )
        return await submit(request, queue, timeout, self._observers)

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
        __aenter__ = __aexit__ = guesses.use_instead(guesses.AWAITED)

        def __getattr__(self, name: str) -> Any:
            raise guesses.missing(self, name, close="`await client.aclose()`", call="await ")

    def __del__(self) -> None:
        # Also called if __init__ raised.
        if (hub := getattr(self, "_hub", None)) is not None:
            hub.dropped(self)


def hub_of(client: BaseClient) -> Hub:
    """Return the object that keeps a client connected."""
    return client._hub
