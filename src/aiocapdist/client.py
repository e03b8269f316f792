"""The client: one connection to OpenD, one quota, as many callers as you like."""

from __future__ import annotations

import math
from collections.abc import Iterable

import anyio

from ._calls import GlobalStateRequest
from ._desk import Desk
from ._lane import RequestLane
from ._loop import Clock
from ._protocol.questions import CapitalDistributionQuestion
from ._request import Request
from ._supervisor import Supervisor
from ._sweep_lane import SweepLane
from .errors import QuotaWaitTooLong
from .models import CapitalDistribution, GlobalState, Security, Status, version_text
from .quota import Quota
from .sweep import Sweep


class Client:
    """Made by :func:`aiocapdist.connect`. For the event loop that it was made on.

    All its calls may be made at once, from any number of tasks. Cancelling any of them is
    safe: what was not sent leaves no trace, and a late reply to what was is dropped.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        quota: Quota,
        *,
        clock: Clock,
        attempts: int,
        security_firm: int | None,
    ) -> None:
        self._supervisor = supervisor
        self._quota = quota
        self._clock = clock
        self._attempts = attempts
        self._desk = Desk(clock, CapitalDistributionQuestion(security_firm), attempts)
        self._singles = RequestLane(supervisor, quota)
        self._free = RequestLane(supervisor, supervisor.unmetered)
        supervisor.use(quota)
        supervisor.add(self._singles)
        supervisor.add(self._free)

    def __repr__(self) -> str:
        door = self._supervisor.door
        return f"<Client of {door.name}://{door.host}:{door.port}, {self.status.state}>"

    @property
    def status(self) -> Status:
        """Where the connection stands, now."""
        supervisor = self._supervisor
        welcome = supervisor.welcome
        return Status(
            state=supervisor.state.value,
            door=supervisor.door.name,
            encrypted=False,
            conn_id=welcome.conn_id if welcome else None,
            server_version=version_text(welcome.server_version) if welcome else None,
            login_user_id=welcome.login_user_id if welcome else None,
            reconnects=supervisor.reconnects,
        )

    @property
    def quota(self) -> Quota:
        """The quota in use: ``available``, ``waiting``, ``refused``, ``eta(n)``."""
        return self._quota

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
        recent = self._desk.recent(code, max_age)
        if recent is not None:
            return recent
        request = self._desk.asked(code)
        if request is None:
            request = self._desk.ask(code, security, self._singles)
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
        return Sweep(
            codes, lambda codes: SweepLane(codes, self._singles, self._desk, max_age=max_age)
        )

    async def global_state(self) -> GlobalState:
        """Market phases, log-ins and clocks. Costs no token.

        Raises OpenDError, RequestTimeout, ConnectionLost, ClientClosed or ProtocolError.
        Cancelling is safe. Source: proto 1002.
        """
        request = GlobalStateRequest(self._free, self._attempts)
        self._free.submit(request)
        if request.done:
            return request.result()
        return await request.wait()

    async def aclose(self) -> None:
        """End the connection; calls that wait end with ClientClosed. Repeatable, any task."""
        await self._supervisor.aclose()


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
