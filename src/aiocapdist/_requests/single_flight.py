"""Single-flight: equal calls share one request. Also a cache of the latest answers."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from .._loop import Clock
from ..models import CapitalDistribution, Security
from .kinds import DistributionRequest
from .request import Queue

CACHED = 4096
"""Number of answers kept: more than a user's list of securities, and little memory."""


class CachedAnswer(NamedTuple):
    """The latest answer about a security."""

    at: float
    value: CapitalDistribution
    gateway: str | None
    """The gateway that gave it; None for a single client."""


class SingleFlight:
    """One client's capital-distribution requests, by code."""

    def __init__(self, clock: Clock, attempts: int) -> None:
        self._clock = clock
        self._attempts = attempts
        self.pending: dict[str, DistributionRequest] = {}
        """Requests that are queued or in flight, by code: an equal call joins one."""
        self._cache: OrderedDict[str, CachedAnswer] = OrderedDict()

    def cached(self, code: str, max_age: float) -> CachedAnswer | None:
        """Return the latest answer about this code if it is at most ``max_age`` seconds old."""
        answer = self._cache.get(code)
        if answer is None or self._clock() - answer.at > max_age:
            return None
        return answer

    def answered_by(self, code: str) -> str | None:
        """Return the gateway that gave the latest answer about this code."""
        answer = self._cache.get(code)
        return None if answer is None else answer.gateway

    def start(self, code: str, security: Security, queue: Queue) -> DistributionRequest:
        """Make a request that others can join until it is done. It is not yet submitted."""
        request = DistributionRequest(queue, self._attempts, code, security, self)
        self.pending[code] = request
        return request

    def on_done(self, request: DistributionRequest) -> None:
        """No call can join this request any more."""
        code, value, cache = request.code, request.value, self._cache
        del self.pending[code]
        if value is None:
            return
        route = request.route
        gateway = None if route is None else route.name
        fields = (request.answered_at, value, gateway)
        cache[code] = tuple.__new__(CachedAnswer, fields)  # half the cost of CachedAnswer(…)
        cache.move_to_end(code)
        if len(cache) > CACHED:
            cache.popitem(last=False)
