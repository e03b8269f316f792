"""The requests of a watch: its codes again and again, at an even pace."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import inf

import anyio

from .._loop import Ticker
from ..errors import AiocapdistError, BackendError, ClientClosed, OpenDError
from ..models import CapitalDistribution, Market, Security
from .kinds import SharedRequest
from .market_phases import MarketPhases
from .queue import RequestQueue
from .rounds import Observation, Rounds, WatchedCode
from .single_flight import Distributions
from .subscription import Subscription


class WatchSource:
    """Makes a watch's requests, in a queue of its own (see :class:`.interfaces.Source`).

    It asks while it has a subscription that is not paused. ``singles`` is the queue of the
    client's single calls: requests that other callers joined go on there when the watch is
    left. ``phases`` says which markets rest; None to ask always.
    """

    one_at_a_time = False

    def __init__(
        self,
        singles: RequestQueue,
        single_flight: Distributions,
        phases: MarketPhases | None,
        *,
        every: float,
        rate: float,
    ) -> None:
        self.queue: RequestQueue = RequestQueue(
            singles.hub, singles.all_routes, patient=True, source=self
        )
        self._hub = singles.hub
        self._singles = singles
        self._single_flight = single_flight
        self._phases = phases
        self.rounds: Rounds = Rounds(every, rate)
        self.codes: dict[str, WatchedCode] = {}
        """In the order in which they were added."""
        self._subscriptions: dict[Subscription, None] = {}
        self._wanted = False  # True if a subscription is not paused
        self._ticker: Ticker | None = None
        self._scope: anyio.CancelScope | None = None
        self._stopped_at = -inf
        self._failure: AiocapdistError | None = None
        self._closed = False

    # ---- called by the watch

    def add(self, codes: Iterable[str | Security]) -> None:
        """Add codes; those that are there already stay as they are. Raises InvalidCode."""
        for code, security in {str(code): Security.parse(code) for code in codes}.items():
            if code not in self.codes:
                self.codes[code] = item = WatchedCode(code, security)
                self.rounds.add(item)
        self._advance()

    def discard(self, codes: Iterable[str | Security]) -> None:
        """Remove codes, and what is unread about them. Those that are not there are ignored."""
        for code in codes:
            item = self.codes.pop(str(code), None)
            if item is None:
                continue
            self.rounds.discard(item)
            self._cancel(item)
            for subscription in self._subscriptions:
                subscription.forget(item.code)
        self._advance()

    def check_loop(self) -> None:
        """Raise RuntimeError if the watch is iterated on another event loop than this one."""
        if self._ticker is not None:
            self._hub.check_loop()

    def close(self) -> None:
        """End every iteration, and start none any more. Repeatable."""
        self._closed = True
        self._end(None)

    # ---- called by readers

    def subscribe(self) -> Subscription:
        """Return a new subscription, with the latest answers that are not older than a round."""
        subscription = Subscription()
        if self._failure is not None or self._closed:
            subscription.end(self._failure)
            return subscription
        oldest = self._hub.clock() - self.rounds.span
        for item in self.codes.values():
            if item.latest is not None and item.answered_at >= oldest:
                subscription.put(item.code, item.latest)
        self._subscriptions[subscription] = None
        self._subscriptions_changed()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Drop a subscription. Without any, nothing is asked. Repeatable."""
        subscription.end()
        if subscription in self._subscriptions:
            del self._subscriptions[subscription]
            self._subscriptions_changed()

    def pause(self, subscription: Subscription) -> None:
        """Stop asking for this subscription. Replies to what was sent are still passed on."""
        subscription.paused = True
        self._subscriptions_changed()

    def resume(self, subscription: Subscription) -> None:
        """Ask for this subscription again."""
        subscription.paused = False
        self._subscriptions_changed()

    # ---- called by requests and by the markets' phases

    def on_done(self, request: SharedRequest[str, CapitalDistribution]) -> None:
        """Pass an answer on to all subscriptions."""
        item = self.codes.get(request.key)
        if item is None or item.request is not request:
            return
        item.request = None
        error = request.error
        if isinstance(error, ClientClosed):
            return  # it ends the iterations
        if error is None or (isinstance(error, OpenDError) and not isinstance(error, BackendError)):
            item.settled_at = item.asked_at
        self._put(item, Observation.of_request(request), self._hub.clock())

    def market_opened(self, market: Market) -> None:
        """Ask for the codes of this market again."""
        self.rounds.wake(market, self._hub.clock())
        self._advance()

    def _subscriptions_changed(self) -> None:
        """Ask while there is a subscription that is not paused."""
        self._wanted = any(not subscription.paused for subscription in self._subscriptions)
        if self._wanted and self._ticker is None:
            self._start()
        elif not self._wanted and self._ticker is not None:
            self._stop()
        if not self._subscriptions:
            self._cancel_requests()

    def _put(self, item: WatchedCode, observation: Observation, at: float) -> None:
        item.latest, item.answered_at = observation, at
        for subscription in self._subscriptions:
            subscription.put(item.code, observation)

    # ---- called by the queue (see interfaces.Source)

    @property
    def ready(self) -> bool:
        return self.rounds.next is not None and self._wanted

    def take(self) -> SharedRequest[str, CapitalDistribution] | None:
        item = self.rounds.next
        if item is None or not self._wanted:
            return None
        request = self._single_flight.start(item.code, item.security, self.queue)
        request.listeners = (self,)
        item.request = request
        self._served(item)
        return request

    def look_ahead(self) -> None:
        """Find the code whose turn it is; deal with those before it that need no token."""
        if not self._wanted:
            return
        rounds, now = self.rounds, self._hub.clock()
        while (item := rounds.next or rounds.pick(now)) is not None:
            if self.rests(item):
                rounds.rest()
            elif self._answer_without_token(item, now):
                self._served(item)
            else:
                return
        if self._ticker is not None:
            self._ticker.poke(rounds.due)

    def fail(self, error: AiocapdistError) -> None:
        if isinstance(error, ClientClosed):
            self._end(error)
        # Else OpenD is away for long: the watch goes on when it is back.

    # ---- codes

    def _served(self, item: WatchedCode) -> None:
        now = self._hub.clock()
        item.asked_at = now
        self.rounds.served(now)

    def rests(self, item: WatchedCode) -> bool:
        """True if this code was asked since its market was seen to close."""
        if self._phases is None or item.settled_at is None:
            return False
        closed = self._phases.closed_since(item.security.market)
        return closed is not None and item.settled_at >= closed

    def _answer_without_token(self, item: WatchedCode, now: float) -> bool:
        """True if this code needs no request of its own."""
        if item.request is not None:
            return True
        request = self._single_flight.pending.get(item.code)
        if request is not None:
            item.request = request
            request.listeners = (*request.listeners, self)
            return True
        # With two watches of a code each uses what the other asked in the last half of a round.
        answer = self._single_flight.cached(item.code, self.rounds.span / 2)
        if answer is None or answer.at <= item.answered_at:
            return False
        item.settled_at = answer.at
        self._put(item, Observation.of_answer(answer, now), answer.at)
        return True

    def _cancel(self, item: WatchedCode) -> None:
        """Stop waiting for the pending request of this code."""
        request, item.request = item.request, None
        if request is not None:
            request.remove_listener(self)
            if not request.done and request.queue is self.queue:
                # Others joined it: it goes on among the single calls.
                self.queue.withdraw(request)
                request.queue = self._singles
                if request.flight is None:
                    self._singles.submit(request)

    # ---- time

    def _start(self) -> None:
        """Begin to ask. After more than a round codes have a turn at once if they had none."""
        hub = self._hub
        now = hub.clock()
        oldest = now - self.rounds.span
        if self._stopped_at < oldest:
            for item in self.codes.values():
                if item.answered_at < oldest:
                    item.settled_at = None
                    self.rounds.add(item)
        hub.add(self.queue)
        self.queue.refresh()
        self._scope = anyio.CancelScope()
        self._ticker = Ticker(hub.clock, self._due, self._tick)
        if not hub.start_soon(partial(self._run, self._ticker, self._scope)):
            return self._end(hub.final_error(sent=False) or ClientClosed())
        if self._phases is not None:
            self._phases.add(self)
            self._phases.refresh(now)  # before any code: one asked after it need not be again
        return self._advance()

    async def _run(self, ticker: Ticker, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                await ticker.run()
        finally:
            if not scope.cancel_called:  # it is the client that ends
                self._end(self._hub.final_error(sent=False) or ClientClosed())

    def _due(self) -> float:
        due = self.rounds.due if self.rounds.next is None else inf
        return due if self._phases is None else min(due, self._phases.next_due)

    def _tick(self) -> None:
        if self._phases is not None:
            self._phases.refresh(self._hub.clock())
        self._advance()

    def _advance(self) -> None:
        """Queue for the code whose turn it is, if there is one."""
        if self._ticker is not None:
            self.look_ahead()
            self.queue.update_places()
            self.queue.pump()
            if self._phases is not None:
                self._ticker.poke(self._phases.next_due)

    def _end(self, failure: AiocapdistError | None) -> None:
        """End all iterations."""
        self._failure = self._failure or failure
        subscriptions, self._subscriptions = self._subscriptions, {}
        for subscription in subscriptions:
            subscription.end(self._failure)
        self._subscriptions_changed()

    def _stop(self) -> None:
        """Stop asking."""
        assert self._scope is not None
        self._scope.cancel()
        self._scope = self._ticker = None
        self._stopped_at = self._hub.clock()
        self.rounds.pause()
        if self._phases is not None:
            self._phases.remove(self)
        self._cancel_requests(queued_only=True)
        self.queue.drain()
        self._hub.remove(self.queue)

    def _cancel_requests(self, *, queued_only: bool = False) -> None:
        """Stop waiting for pending requests; their codes are asked first when it goes on."""
        for item in self.codes.values():
            request = item.request
            if request is None:
                continue
            if request.flight is None or not queued_only:
                self._cancel(item)
                self.rounds.add(item)
            elif request.queue is self.queue:
                request.queue = self._singles  # if it has to be sent again
