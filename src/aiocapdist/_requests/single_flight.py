"""Where equal questions meet: what is being asked, and what was answered lately."""

from __future__ import annotations

from typing import TypeAlias

from .._loop import Clock
from .._protocol.encoders import CapitalDistributionEncoder
from ..models import CapitalDistribution, Security
from .kinds import DistributionRequest
from .queue import RequestQueue

REMEMBERED = 4096  # securities: more than a user's list, less than memory would mind

Answer: TypeAlias = tuple[float, CapitalDistribution, str | None]
"""When it came, what it was, and which gateway gave it, where there are several."""


class SingleFlight:
    """One client's capital-distribution questions, by code."""

    def __init__(self, clock: Clock, question: CapitalDistributionEncoder, attempts: int) -> None:
        self._clock = clock
        self._question = question
        self._attempts = attempts
        self.asked: dict[str, DistributionRequest] = {}
        """What waits or flies, by code: an equal question joins it."""
        # In two generations, so that forgetting the oldest costs nothing for each answer.
        self._answered: dict[str, Answer] = {}
        self._before: dict[str, Answer] = {}

    def recent(self, code: str, max_age: float) -> CapitalDistribution | None:
        """The last answer about this code, if it came within ``max_age`` seconds."""
        found = self._answered.get(code) or self._before.get(code)
        if found is None:
            return None
        seen_at, value, _ = found
        return value if self._clock() - seen_at <= max_age else None

    def answered_by(self, code: str) -> str | None:
        """The gateway that gave the last answer about this code."""
        found = self._answered.get(code) or self._before.get(code)
        return None if found is None else found[2]

    def ask(self, code: str, security: Security, lane: RequestQueue) -> DistributionRequest:
        """A new question, which others may join until it is answered; not yet in line."""
        request = DistributionRequest(lane, self._attempts, code, security, self._question, self)
        self.asked[code] = request
        return request

    def ended(self, request: DistributionRequest) -> None:
        """It is answered, failed or given up: nobody can join it any more."""
        code, value = request.code, request.value
        del self.asked[code]
        if value is not None:
            self._answered[code] = (request.answered_at, value, request.way.name)
            if len(self._answered) >= REMEMBERED // 2:
                self._before, self._answered = self._answered, {}
