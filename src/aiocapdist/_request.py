"""The life of one request: in line, in flight, perhaps in line again, then done.

::

    in line ──granted──▶ in flight ──replied──▶ done
       ▲                     │
       └──refused, lost, damaged, timed out: while attempts are left

Everything here is synchronous: no state change contains an ``await``.
"""

from __future__ import annotations

import copy
import logging
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import anyio

from ._loop import new_waiter
from ._protocol.wire import Spoilt
from .errors import AiocapdistError, BackendError, ProtocolError, QuotaExceeded, RequestTimeout

if TYPE_CHECKING:
    from ._lane import RequestLane
    from ._protocol.session import Flight

T = TypeVar("T")
log = logging.getLogger("aiocapdist")


class Sink(Protocol):
    """Someone who waits for a request's end."""

    def wake(self, source: Any) -> None:
        """It is done. Must return at once."""


class Request(ABC, Generic[T]):
    """One question to OpenD, for however many wait for its answer."""

    __slots__ = ("attempts", "done", "error", "flight", "lane", "scopes", "sinks", "value")

    proto_id: int
    repeatable = True

    def __init__(self, lane: RequestLane, attempts: int) -> None:
        self.lane = lane
        self.attempts = attempts
        self.flight: Flight[Any] | None = None
        self.sinks: list[Sink] = []
        self.scopes: tuple[anyio.CancelScope, ...] = ()
        self.done = False
        self.value: T | None = None
        self.error: AiocapdistError | None = None

    # ---- what a kind of request says of itself

    @property
    def code(self) -> str | None:
        """The security asked about, where there is one."""
        return None

    @abstractmethod
    def body(self) -> bytes:
        """The clear body to send."""

    @abstractmethod
    def read(self, body: bytes) -> T:
        """The answer in a reply's clear body; raise what it amounts to."""

    def ended(self) -> None:
        """Called once, when it is done: before anyone is woken."""

    # ---- waiting for it

    async def wait(self, while_in_line: anyio.CancelScope | None = None) -> T:
        """The answer. Cancelling leaves; when the last one leaves, the request goes too.

        The deadline of ``while_in_line`` counts until the request is sent, no longer.
        """
        if while_in_line is not None:
            self.scopes = (*self.scopes, while_in_line)
        waiter = new_waiter()
        self.sinks.append(waiter)
        try:
            await waiter
        except BaseException:
            self.leave(waiter)
            raise
        return self.result()

    def result(self) -> T:
        """The answer of a request that is done, or its error, raised."""
        if self.error is not None:
            raise self.own_error()
        return self.value  # type: ignore[return-value]

    def own_error(self) -> AiocapdistError:
        """The error, for one caller alone: shared, a traceback would grow with each."""
        assert self.error is not None
        mine = copy.copy(self.error)
        mine.__cause__ = self.error.__cause__
        return mine

    def leave(self, sink: Sink) -> None:
        """This one waits no more."""
        if self.done:
            return
        self.sinks.remove(sink)
        self.give_up()

    def give_up(self) -> None:
        """End it, unless someone waits for it."""
        if not self.sinks and not self.done:
            self._abandon()

    def departed(self, flight: Flight[Any]) -> None:
        """It was sent."""
        self.flight = flight
        for scope in self.scopes:
            scope.deadline = math.inf
        self.scopes = ()

    def _abandon(self) -> None:
        self.done = True
        flight, self.flight = self.flight, None
        lane = self.lane
        if flight is None:
            lane.withdraw(self)
        elif not lane.link.forget(flight):
            lane.quota.unsent()
            lane.quota.pump()
        self.ended()

    # ---- what the connection tells (see _connection.Pending)

    def replied(self, body: bytes) -> None:
        self.flight = None
        try:
            value = self.read(body)
        except QuotaExceeded as error:
            if not self.lane.refuse(self):
                self._fail(error)
            return
        except BackendError as error:
            self.lane.quota.replied()
            self._again_or_fail(error)
            return
        except AiocapdistError as error:
            self.lane.quota.replied()
            self._fail(error)
            return
        except Exception as error:
            self.lane.quota.replied()
            self._fail(_not_understood(self.proto_id, error))
            return
        self.lane.quota.replied()
        self.value = value
        self._finish()

    def damaged(self, error: Spoilt) -> None:
        self.flight = None
        self.lane.quota.replied()
        self._again_or_fail(ProtocolError(error.reason))

    def timed_out(self, *, sent: bool) -> None:
        self.flight = None
        if not sent:
            self.lane.quota.unsent()
        self._again_or_fail(
            RequestTimeout(self.proto_id, self.lane.link.request_timeout, self.code)
        )

    def settled(self) -> None:
        self.lane.quota.replied()

    def lost(self, cause: Exception, *, sent: bool, forgotten: bool) -> None:
        if sent:
            self.lane.quota.lost(1)
        else:
            self.lane.quota.unsent()
        if forgotten or self.done:
            return
        self.flight = None
        final = self.lane.link.final_error(sent=sent)
        if final is not None:
            self._fail(final)
        elif sent:
            self._again_or_fail(self.lane.link.loss(cause, sent=True))
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
        self.ended()
        for sink in self.sinks:
            sink.wake(self)


def _not_understood(proto_id: int, error: Exception) -> ProtocolError:
    log.error("a reply to %d could not be understood", proto_id, exc_info=error)
    failure = ProtocolError(
        f"a reply to {proto_id} could not be understood: {type(error).__name__}"
    )
    failure.__cause__ = error
    return failure
