"""Where equal questions meet: what is being asked, and what was answered lately."""

from __future__ import annotations

from collections import OrderedDict

from ._calls import DistributionRequest
from ._lane import RequestLane
from ._loop import Clock
from ._protocol.questions import CapitalDistributionQuestion
from .models import CapitalDistribution, Security

REMEMBERED = 4096  # securities: more than a user's list, less than memory would mind


class Desk:
    """One client's capital-distribution questions, by code."""

    def __init__(
        self, clock: Clock, question: CapitalDistributionQuestion, attempts: int
    ) -> None:
        self._clock = clock
        self._question = question
        self._attempts = attempts
        self._asked: dict[str, DistributionRequest] = {}
        self._answered: OrderedDict[str, tuple[float, CapitalDistribution]] = OrderedDict()

    def recent(self, code: str, max_age: float) -> CapitalDistribution | None:
        """The last answer about this code, if it came within ``max_age`` seconds."""
        if max_age <= 0 or (found := self._answered.get(code)) is None:
            return None
        seen_at, value = found
        return value if self._clock() - seen_at <= max_age else None

    def asked(self, code: str) -> DistributionRequest | None:
        """The equal question that waits or flies, if there is one."""
        return self._asked.get(code)

    def ask(self, code: str, security: Security, lane: RequestLane) -> DistributionRequest:
        """A new question, which others may join until it is answered; not yet in line."""
        request = DistributionRequest(
            lane, self._attempts, code, security, self._question, self._ended
        )
        self._asked[code] = request
        return request

    def _ended(self, request: DistributionRequest) -> None:
        code = request.code
        del self._asked[code]
        if request.value is None:
            return
        self._answered[code] = (self._clock(), request.value)
        self._answered.move_to_end(code)
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
