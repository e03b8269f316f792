"""The life of one request: in line, in flight, perhaps in line again, then done.

::

    in line ──granted──▶ in flight ──replied──▶ done
       ▲                     │
       └──refused, lost, damaged, timed out: while attempts are left

Everything here is synchronous: no state change contains an ``await``.
"""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import anyio

from ..errors import (
    AiocapdistError,
    BackendError,
    OpenDError,
    ProtocolError,
    QuotaExceeded,
    RequestTimeout,
    own_copy,
)

if TYPE_CHECKING:
    from .._loop import Waiter
    from .._protocol.flights import Flight
    from .queue import RequestQueue, Way

T = TypeVar("T")
log = logging.getLogger("aiocapdist")


class Sink(Protocol):
    """Someone who takes in what becomes of requests, a sweep say."""

    def wake(self, source: Any) -> None:
        """It is done. Must return at once."""


class Home(Protocol):
    """Where requests of one kind are known while they wait or fly."""

    def ended(self, request: Any) -> None:
        """It is done: called once, before anyone is woken."""


class Request(ABC, Generic[T]):
    """One question to OpenD, for however many wait for its answer."""

    __slots__ = (
        *("answered_at", "attempts", "done", "error", "flight", "lane", "scopes", "sinks", "value"),
        *("waiters", "way"),
    )

    proto_id: int
    home: Home | None = None

    def __init__(self, lane: RequestQueue, attempts: int) -> None:
        self.lane = lane
        self.way: Way = lane
        self.attempts: int = attempts
        self.flight: Flight[Any] | None = None
        self.waiters: list[Waiter] = []
        self.sinks: tuple[Sink, ...] = ()
        self.scopes: tuple[anyio.CancelScope, ...] = ()
        self.done: bool = False
        self.answered_at: float = 0.0
        self.value: T | None = None
        self.error: AiocapdistError | None = None

    # ---- what a kind of request says of itself

    @property
    def about(self) -> str | None:
        """The security asked about, where there is one."""
        return None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when its fate is unknown: a read may."""
        return True

    @abstractmethod
    def body(self) -> bytes:
        """The clear body to send."""

    @abstractmethod
    def read(self, body: bytes) -> T:
        """The answer in a reply's clear body; raise what it amounts to."""

    # ---- waiting for it

    async def wait(self, while_in_line: anyio.CancelScope | None = None) -> T:
        """The answer. Cancelling leaves; when the last one leaves, the request goes too.

        The deadline of ``while_in_line`` counts until the request is sent, no longer.
        """
        if while_in_line is not None:
            self.scopes = (*self.scopes, while_in_line)
        waiter = self.lane.link.new_waiter()
        self.waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if while_in_line in self.scopes:  # else it would be kept while others wait
                self.scopes = tuple(scope for scope in self.scopes if scope is not while_in_line)
            if not self.done:
                self.waiters.remove(waiter)
                self.give_up()
            raise
        return self.result()

    def result(self) -> T:
        """The answer of a request that is done, or its error, raised."""
        if self.error is not None:
            raise own_copy(self.error)
        return self.value  # type: ignore[return-value]

    def leave(self, sink: Sink) -> None:
        """This one wants to hear of it no more."""
        self.sinks = tuple(other for other in self.sinks if other is not sink)
        self.give_up()

    def give_up(self) -> None:
        """End it, unless someone waits for it."""
        if not (self.waiters or self.sinks or self.done):
            self._abandon()

    def departed(self) -> None:
        """It was sent: what was to end the waiting in line ends nothing any more."""
        for scope in self.scopes:
            scope.deadline = math.inf
        self.scopes = ()

    def _abandon(self) -> None:
        self.done = True
        flight, self.flight = self.flight, None
        way = self.way
        if flight is None:
            self.lane.withdraw(self)
        elif not way.link.forget(flight):
            way.quota.release()
            way.quota.pump()
        if self.home is not None:
            self.home.ended(self)

    # ---- what the connection tells (see _connection.Pending)

    def replied(self, body: bytes, at: float) -> None:
        self.flight = None
        try:
            self.value = self.read(body)
        except Exception as error:
            self._answered_no(error, at)
        else:
            self.answered_at = at
            self.way.quota.replied(at)
            self._finish()

    def _answered_no(self, error: Exception, at: float) -> None:
        """Its reply amounts to an error."""
        if isinstance(error, QuotaExceeded) and self.lane.refuse(self):
            return
        self.way.quota.replied(at)
        if isinstance(error, BackendError):
            self._again_or_fail(error)
        elif isinstance(error, AiocapdistError):
            self._fail(error)
        else:
            self._fail(_not_understood(self.proto_id, error))

    def damaged(self, error: AiocapdistError, at: float) -> None:
        self.flight = None
        self.way.quota.replied(at)
        if isinstance(error, OpenDError) and not isinstance(error, BackendError):
            self._fail(error)
        else:
            self._again_or_fail(error)

    def timed_out(self, *, sent: bool) -> None:
        self.flight = None
        if not sent:
            self.way.quota.release()
        self._again_or_fail(
            RequestTimeout(self.proto_id, self.way.link.request_timeout, self.about)
        )

    def settled(self, at: float) -> None:
        self.way.quota.replied(at)

    def lost(self, cause: Exception, *, sent: bool, forgotten: bool) -> None:
        if sent:
            self.way.quota.lost(1)
        else:
            self.way.quota.release()
        if forgotten or self.done:
            return
        self.flight = None
        final = self.lane.link.final_error(sent=sent)
        if final is not None:
            self._fail(final)
        elif sent:
            self._again_or_fail(self.way.link.loss(cause, sent=True))
        else:
            self.lane.put_back(self)

    # ---- the end

    def fail(self, error: AiocapdistError) -> None:
        """End it with this error; it is not in flight and in no line."""
        self._fail(error)

    def _again_or_fail(self, error: AiocapdistError) -> None:
        self.attempts -= 1
        if self.attempts > 0 and self.repeatable:
            self.lane.put_back(self)
        else:
            self._fail(error)

    def _fail(self, error: AiocapdistError) -> None:
        self.error = error
        self._finish()

    def _finish(self) -> None:
        self.done = True
        if self.home is not None:
            self.home.ended(self)
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        for sink in self.sinks:
            sink.wake(self)


def _not_understood(proto_id: int, error: Exception) -> ProtocolError:
    log.error("a reply to %d could not be understood", proto_id, exc_info=error)
    failure = ProtocolError(
        f"a reply to {proto_id} could not be understood: {type(error).__name__}"
    )
    failure.__cause__ = error
    return failure
