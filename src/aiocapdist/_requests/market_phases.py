"""Which markets are closed, asked of OpenD for all watches of a client."""

from __future__ import annotations

from math import inf
from typing import Protocol

from ..errors import ClientClosed, ConnectionLost
from ..models import GlobalState, Market, MarketState
from .kinds import GlobalStateRequest
from .queue import RequestQueue

INTERVAL = 30.0
"""Seconds between two questions. They cost no token."""

STALE = 3 * INTERVAL
"""Seconds without an answer after which a market may have opened and closed unseen."""

PROMPT = 2.0
"""Seconds from a question to its reply, within which codes count as asked after it."""


class PhaseListener(Protocol):
    """Called when a market opens: a watch."""

    def market_opened(self, market: Market) -> None:
        """A market that was closed is open, or may be."""


class MarketPhases:
    """Markets that are closed, and since when.

    Markets of which OpenD says nothing, and states that are not known, count as open.
    """

    def __init__(self, queue: RequestQueue, attempts: int) -> None:
        self._queue = queue
        self._attempts = attempts
        self._listeners: dict[PhaseListener, None] = {}
        self._request: GlobalStateRequest | None = None
        self._closed: dict[Market, float] = {}
        self._asked_at = -inf
        self._known_at = -inf
        self.next_due: float = -inf
        """When :meth:`refresh` next has something to do."""

    def closed_since(self, market: Market) -> float | None:
        """Return when this market was seen to be closed; None if it counts as open."""
        return self._closed.get(market)

    def add(self, listener: PhaseListener) -> None:
        """Call this listener from now on."""
        if not self._listeners and self._queue.hub.clock() - self._known_at > INTERVAL:
            self._closed.clear()
        self._listeners[listener] = None

    def remove(self, listener: PhaseListener) -> None:
        """Call this listener no more."""
        self._listeners.pop(listener, None)
        request = self._request
        if not self._listeners and request is not None and request.flight is None:
            self._request = None
            self.next_due = -inf
            request.remove_listener(self)

    def refresh(self, now: float) -> None:
        """Ask OpenD if the last question was asked at least INTERVAL seconds ago."""
        if now < self.next_due:
            return
        self.next_due = now + INTERVAL
        if self._request is None:
            self._asked_at = now
            self._request = GlobalStateRequest(self._queue, self._attempts)
            self._request.listeners = (self,)
            self._queue.submit(self._request)

    def on_done(self, request: GlobalStateRequest) -> None:
        """Take over the states in a reply."""
        self._request = None
        if request.value is not None:
            self._update(request.value, self._queue.hub.clock())
        elif not isinstance(request.error, ConnectionLost | ClientClosed):
            self._forget()

    def _update(self, state: GlobalState, now: float) -> None:
        unseen = now - self._known_at > STALE  # it may have been open, and closed again
        self._known_at = now
        # A reply that was long in coming says nothing about the time when it was asked for.
        since = self._asked_at if now - self._asked_at < PROMPT else now
        for market in Market:
            phase = state.phase_of(market)
            closed = isinstance(phase, MarketState) and phase.is_resting
            if not closed or unseen:
                self._reopen(market)
            if closed:
                self._closed.setdefault(market, since)

    def _forget(self) -> None:
        """Count all markets as open: OpenD no longer says."""
        for market in list(self._closed):
            self._reopen(market)

    def _reopen(self, market: Market) -> None:
        if self._closed.pop(market, None) is not None:
            for listener in list(self._listeners):
                listener.market_opened(market)
