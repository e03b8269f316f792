"""The calls of a client, blocking."""

from __future__ import annotations

import atexit
import warnings
from collections.abc import Iterable
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from weakref import WeakSet

from .._client import guesses
from .._client.base import BaseClient
from .._requests.kinds import M
from ..events import Event
from ..models import CapitalDistribution, CapitalFlow, GlobalState, Period, Security
from ..quota import Quota
from ._iteration import EventIteration, Iteration, Sweep, Watch, drawn
from ._loop_thread import LoopThread

if TYPE_CHECKING:
    from google.protobuf.message import Message

C = TypeVar("C", bound=BaseClient)


class BlockingClient(Generic[C]):
    """What a blocking client and a group of them have in common.

    A client of a group is given that ``group``, whose thread it uses.
    """

    def __init__(self, thread: LoopThread, client: C, group: object = None) -> None:
        self._thread = thread
        self._client = client
        self._group = group
        self._closed = False
        if group is None:
            _unclosed.add(self)

    def capital_distribution(
        self,
        code: str | Security,
        *,
        timeout: float | None = None,
        max_wait: float | None = None,
        max_age: float = 0.0,
    ) -> CapitalDistribution:
        """Return the figures of one security, in currency units of its market.

        Waits for the quota as long as it takes, or ``max_wait`` seconds; ``timeout`` limits the
        whole call. Arguments and errors are those of
        :meth:`aiocapdist.Client.capital_distribution`. Source: proto 3212.
        """
        return self._thread.run(
            self._client.capital_distribution,
            code,
            timeout=timeout,
            max_wait=max_wait,
            max_age=max_age,
        )

    @guesses.explain_arguments(guesses.FLOW_ARGUMENTS)
    def capital_flow(
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

        Intraday rows are cumulative over the day. Arguments and errors are those of
        :meth:`aiocapdist.Client.capital_flow`. Source: proto 3211.
        """
        return self._thread.run(
            self._client.capital_flow,
            code,
            period,
            start=start,
            end=end,
            timeout=timeout,
            max_wait=max_wait,
        )

    @guesses.explain_arguments(guesses.SWEEP_ARGUMENTS)
    def capital_distributions(
        self, codes: Iterable[str | Security], *, timeout: float | None = None, max_age: float = 0.0
    ) -> Sweep:
        """Return the figures of many securities, as they come: ``for outcome in …``.

        ``….collect()`` returns all at once. An iterator of codes is drawn to its end first.
        Arguments and errors are those of :meth:`aiocapdist.Client.capital_distributions`.
        Source: proto 3212.
        """
        codes = drawn(codes)
        sweep = self._client.capital_distributions(codes, timeout=timeout, max_age=max_age)
        return Sweep(self._thread, sweep, self)

    @guesses.explain_arguments(guesses.WATCH_ARGUMENTS)
    def watch(
        self, codes: Iterable[str | Security], every: float = 60.0, while_closed: bool = False
    ) -> Watch:
        """Return changes of many securities, as they come: ``for change in …``.

        Each code is asked for once in each ``every`` seconds. Arguments and errors are those of
        :meth:`aiocapdist.Client.watch`. Sources: protos 3212, 1002.
        """
        watch = self._thread.call(self._client.watch, drawn(codes), every, while_closed)
        return Watch(self._thread, watch, self)

    def global_state(self, *, timeout: float | None = None) -> GlobalState:
        """Return market phases, log-ins and clocks. Costs no token.

        Errors are those of :meth:`aiocapdist.Client.global_state`. Source: proto 1002.
        """
        return self._thread.run(self._client.global_state, timeout=timeout)

    def request(
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

        Arguments and errors are those of :meth:`aiocapdist.Client.request`.
        """
        return self._thread.run(
            self._client.request,
            proto_id,
            message,
            response_type,
            quota=quota,
            idempotent=idempotent,
            timeout=timeout,
        )

    def events(self) -> Iteration[Event]:
        """Return what happens from now on: ``for event in client.events()``.

        Ends when the client is closed. Events are those of :meth:`aiocapdist.Client.events`.
        """
        return EventIteration(self._thread, self._thread.call(self._client.events), self)

    def close(self) -> None:
        """Close all connections; calls that wait in other threads end with ClientClosed.

        Repeatable, from any thread.
        """
        self._closed = True
        if self._group is None:
            self._thread.stop()
        else:
            self._thread.run(self._client.aclose)

    if not TYPE_CHECKING:
        __new__ = guesses.made_by(
            "aiocapdist.sync.connect()", "with aiocapdist.sync.connect(…) as client:"
        )

        def __getattr__(self, name: str) -> Any:
            raise guesses.missing(self, name, close="`client.close()`", call="")

        async def __aenter__(self) -> Any:
            raise TypeError(
                "a client of aiocapdist.sync is blocking; `async with aiocapdist.connect(…)`"
            )

        __aexit__ = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Also called if __init__ raised. Must not wait: it may run in any thread.
        if not getattr(self, "_closed", True) and self._group is None and self._thread.runs:
            self._thread.stop_soon()
            text = "unclosed client of aiocapdist.sync: call `client.close()`, or use `with`"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)


_unclosed: WeakSet[BlockingClient[Any]] = WeakSet()


@atexit.register
def _close_all() -> None:
    """Close what is open when the program ends, so that tokens and connections are given back."""
    for client in list(_unclosed):
        client.close()
