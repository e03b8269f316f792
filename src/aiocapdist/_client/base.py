"""What can be asked, of one OpenD or of several."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable

import anyio
from google.protobuf.message import Message

from .._loop import Clock
from .._protocol import catalog
from .._requests.kinds import GlobalStateRequest, M, MessageRequest
from .._requests.queue import RequestQueue
from .._requests.request import Request
from .._requests.single_flight import SingleFlight
from .._requests.sweep_source import SweepSource
from ..errors import QuotaWaitTooLong
from ..models import CapitalDistribution, GlobalState, Security
from ..quota import Quota
from ..quota._core.quota import scheduler_of
from .sweep import Sweep


class Asking(ABC):
    """The calls that a client and a group of clients have in common."""

    def __init__(
        self,
        clock: Clock,
        desk: SingleFlight,
        attempts: int,
        singles: RequestQueue,
        free: RequestQueue,
    ) -> None:
        self._clock = clock
        self._desk = desk
        self._attempts = attempts
        self._singles = singles
        self._free = free
        self._lanes: dict[Quota, RequestQueue] = {}

    async def capital_distribution(
        self, code: str, *, max_wait: float | None = None, max_age: float = 0.0
    ) -> CapitalDistribution:
        """The figures of one security, in currency units of its market.

        An equal call that waits or flies is joined: it costs one request for all. With
        ``max_age`` the last answer serves if it came within that many seconds. Waiting
        for the quota has no limit of its own: ``max_wait`` sets one, in seconds.

        Raises InvalidCode, UnknownSecurity, UnsupportedSecurity, OpenDError,
        QuotaWaitTooLong, RequestTimeout, ConnectionLost, ClientClosed or ProtocolError.
        Cancelling is safe at any time. Source: proto 3212.
        """
        security = Security.parse(code)
        desk = self._desk
        if max_age > 0 and (recent := desk.recent(code, max_age)) is not None:
            return recent
        request = desk.asked.get(code)
        if request is None:
            request = desk.ask(code, security, self._singles)
            self._singles.submit(request)
        if request.done:
            return request.result()
        if max_wait is not None and request.flight is None:
            return await _wait_at_most(request, max_wait, self._clock)
        return await request.wait()

    def capital_distributions(self, codes: Iterable[str], *, max_age: float = 0.0) -> Sweep:
        """The figures of many securities, as they come: ``async for outcome in …``.

        One outcome for each code; one bad code never ends it. A code given twice gets two
        outcomes and costs one request; from an iterator rather than a collection this
        holds within the latest 4096 codes. ``await ….collect()`` gives all at once.
        ``max_age`` is as for one security.

        Raises TypeError for a single string. What goes wrong with a code is its outcome's
        ``error``. Leaving the loop early spends no further token. Source: proto 3212.
        """
        if isinstance(codes, str | bytes):
            raise TypeError(f"codes is a list of codes, not one string; try [{codes!r}]")
        return Sweep(codes, lambda codes: self._sweep_lane(codes, max_age))

    async def global_state(self) -> GlobalState:
        """Market phases, log-ins and clocks. Costs no token.

        Raises OpenDError, RequestTimeout, ConnectionLost, ClientClosed or ProtocolError.
        Cancelling is safe. Source: proto 1002.
        """
        request = GlobalStateRequest(self._free, self._attempts)
        self._free.submit(request)
        return request.result() if request.done else await request.wait()

    async def request(
        self,
        proto_id: int,
        message: Message,
        response_type: type[M],
        *,
        quota: Quota | None = None,
        idempotent: bool = False,
    ) -> M:
        """Any other call of OpenD's over the same connection, in any protobuf classes.

        ``message`` is the whole request (with its ``c2s``), ``response_type`` the class of
        its reply; the vendor's own will do. With a ``quota`` it waits in that one's line,
        and a refusal for frequency goes back there. Without one it goes at once, except for
        calls that the client's own quota counts (3212). Where its fate is unknown (the
        connection broke, no reply came) it is sent again only if ``idempotent``: safe for what
        only reads.

        Raises OpenDError or one of its kinds where the reply's ``retType`` is not 0 (the
        reply's other fields are lost then), ProtocolError where it cannot be read as
        ``response_type``, RequestTimeout, ConnectionLost or ClientClosed; QuotaUnavailable
        where a shared ``quota`` cannot be reached; ValueError where ``message`` lacks required
        fields or ``proto_id`` is not one to ask. Cancelling is safe. Pushes that such a call
        switches on are dropped.
        """
        check_askable(proto_id)
        if not isinstance(message, Message):
            raise TypeError(f"message is a protobuf message, not {type(message).__name__}")
        if not message.IsInitialized():
            missing = ", ".join(message.FindInitializationErrors())  # type: ignore[attr-defined]
            raise ValueError(f"the message lacks required fields: {missing}")
        if quota is not None:
            lane = await self._lane(quota)
        else:
            lane = self._singles if is_counted(proto_id) else self._free
        request = MessageRequest(
            *(lane, self._attempts, proto_id),
            *(message.SerializeToString(), response_type, idempotent),
        )
        lane.submit(request)
        return request.result() if request.done else await request.wait()

    async def _lane(self, quota: Quota) -> RequestQueue:
        """The lane of single calls in this quota's line."""
        if quota not in self._lanes:
            await scheduler_of(quota).prepare()
        lane = self._lanes.get(quota)  # another call may have been quicker
        if lane is None:
            lane = self._lanes[quota] = self._new_lane(quota)
        return lane

    @abstractmethod
    def _sweep_lane(self, codes: Iterable[str], max_age: float) -> SweepSource:
        """A new sweep's lane."""

    @abstractmethod
    def _new_lane(self, quota: Quota) -> RequestQueue:
        """A lane of single calls in this quota's line, which is in use from now on."""


def check_askable(proto_id: int) -> None:
    """Raise ValueError for what belongs to the connection itself, or is only ever pushed."""
    if isinstance(proto_id, bool) or not isinstance(proto_id, int) or not 0 < proto_id < 2**32:
        raise ValueError(f"proto_id is OpenD's number of a call, such as 3211, not {proto_id!r}")
    if proto_id in catalog.OF_THE_CONNECTION or proto_id in catalog.PUSHES:
        raise ValueError(f"proto {proto_id} cannot be asked: the connection itself deals with it")


def is_counted(proto_id: int) -> bool:
    """Whether the account's quota counts this call."""
    call = catalog.CATALOG.get(proto_id)
    return call is not None and call.counted


async def _wait_at_most(
    request: Request[CapitalDistribution], max_wait: float, clock: Clock
) -> CapitalDistribution:
    """Wait for a request that is in line, but leave the line after ``max_wait`` seconds."""
    eta = request.lane.eta(request)
    if math.isfinite(eta) and eta > max_wait:
        request.give_up()
        raise QuotaWaitTooLong(eta, max_wait)
    with anyio.CancelScope(deadline=clock() + max_wait) as scope:
        return await request.wait(while_in_line=scope)
    raise QuotaWaitTooLong(eta, max_wait)
