"""Where equal questions meet: what is being asked, and what was answered lately."""

from __future__ import annotations

from ._calls import DistributionRequest
from ._lane import RequestLane
from ._loop import Clock
from ._protocol.questions import CapitalDistributionQuestion
from .models import CapitalDistribution, Security

REMEMBERED = 4096  # securities: more than a user's list, less than memory would mind


class Desk:
    """One client's capital-distribution questions, by code."""

    def __init__(self, clock: Clock, question: CapitalDistributionQuestion, attempts: int) -> None:
        self._clock = clock
        self._question = question
        self._attempts = attempts
        self.asked: dict[str, DistributionRequest] = {}
        """What waits or flies, by code: an equal question joins it."""
        # In two generations, so that forgetting the oldest costs nothing for each answer.
        self._answered: dict[str, tuple[float, CapitalDistribution]] = {}
        self._before: dict[str, tuple[float, CapitalDistribution]] = {}

    def recent(self, code: str, max_age: float) -> CapitalDistribution | None:
        """The last answer about this code, if it came within ``max_age`` seconds."""
        found = self._answered.get(code) or self._before.get(code)
        if found is None:
            return None
        seen_at, value = found
        return value if self._clock() - seen_at <= max_age else None

    def ask(self, code: str, security: Security, lane: RequestLane) -> DistributionRequest:
        """A new question, which others may join until it is answered; not yet in line."""
        request = DistributionRequest(lane, self._attempts, code, security, self._question, self)
        self.asked[code] = request
        return request

    def ended(self, request: DistributionRequest) -> None:
        """It is answered, failed or given up: nobody can join it any more."""
        code, value = request.code, request.value
        del self.asked[code]
        if value is not None:
            self._answered[code] = (request.answered_at, value)
            if len(self._answered) >= REMEMBERED // 2:
                self._before, self._answered = self._answered, {}
