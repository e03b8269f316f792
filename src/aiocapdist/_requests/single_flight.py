"""Single-flight: equal calls share one request. Also a cache of the latest answers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar

from .._loop import Clock
from ..models import CapitalDistribution, Security
from .kinds import FlowKey, SharedRequest
from .queue import RequestQueue
from .request import Queue, RequestListener
from .routes import Route

if TYPE_CHECKING:
    from ..models import CapitalFlow

CACHED = 4096
"""Number of answers kept: more than a user's list of securities, and little memory."""

_new = tuple.__new__  # makes a named tuple at half the cost of calling its class

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class CachedAnswer(NamedTuple, Generic[V]):
    """The latest answer to equal calls."""

    at: float
    value: V
    route: Route

    @property
    def gateway(self) -> str | None:
        """The gateway that gave it; None for a single client."""
        return self.route.name


class SingleFlight(Generic[K, V]):
    """One client's requests of one kind, by what is asked. Equal requests have equal keys.

    The cache holds ``kept`` answers, by default CACHED.
    """

    def __init__(
        self,
        kind: Callable[[Queue, int, K, Security, RequestListener], SharedRequest[K, V]],
        clock: Clock,
        attempts: int,
        kept: int | None = None,
    ) -> None:
        self._kind = kind
        self._clock = clock
        self._attempts = attempts
        self._kept = CACHED if kept is None else kept
        self.pending: dict[K, SharedRequest[K, V]] = {}
        """Requests that are queued or in flight, by key: an equal call joins one."""
        self._cache: OrderedDict[K, CachedAnswer[V]] = OrderedDict()

    def cached(self, key: K, max_age: float) -> CachedAnswer[V] | None:
        """Return the latest answer to this if it is at most ``max_age`` seconds old."""
        answer = self._cache.get(key)
        if answer is None or self._clock() - answer.at > max_age:
            return None
        return answer

    def answered_by(self, key: K) -> str | None:
        """Return the gateway that gave the latest answer to this."""
        answer = self._cache.get(key)
        return None if answer is None else answer.gateway

    def join(self, key: K, security: Security, queue: RequestQueue) -> SharedRequest[K, V]:
        """Return the pending request for this, or submit a new one to the queue."""
        request = self.pending.get(key)
        if request is None:
            # What start() does, without another call: most calls come this way.
            request = self._kind(queue, self._attempts, key, security, self)
            self.pending[key] = request
            try:
                queue.submit(request)
            except BaseException:
                request.cancel_if_unwanted()
                raise
        return request

    def start(self, key: K, security: Security, queue: Queue) -> SharedRequest[K, V]:
        """Make a request that others can join until it is done. It is not yet submitted."""
        request = self._kind(queue, self._attempts, key, security, self)
        self.pending[key] = request
        return request

    def on_done(self, request: SharedRequest[K, V]) -> None:
        """No call can join this request any more."""
        key, value = request.key, request.value
        self.pending.pop(key, None)  # None: after an interrupt a request may end twice
        if value is None:
            return
        cache = self._cache
        cache[key] = _new(CachedAnswer, (request.answered_at, value, request.route))
        cache.move_to_end(key)
        if len(cache) > self._kept:
            cache.popitem(last=False)


Distributions: TypeAlias = SingleFlight[str, CapitalDistribution]
Flows: TypeAlias = "SingleFlight[FlowKey, CapitalFlow]"
