"""The kinds of question a client asks."""

from __future__ import annotations

from collections.abc import Callable

from ._lane import RequestLane
from ._protocol import catalog
from ._protocol.questions import CapitalDistributionQuestion, global_state_body
from ._protocol.replies import read_capital_distribution, read_global_state
from ._request import Request
from .models import CapitalDistribution, GlobalState, Security


class DistributionRequest(Request[CapitalDistribution]):
    """Proto 3212, about one security."""

    __slots__ = ("_code", "_on_end", "_question", "_security")

    proto_id = catalog.CAPITAL_DISTRIBUTION

    def __init__(
        self,
        lane: RequestLane,
        attempts: int,
        code: str,
        security: Security,
        question: CapitalDistributionQuestion,
        on_end: Callable[[DistributionRequest], None],
    ) -> None:
        super().__init__(lane, attempts)
        self._code = code
        self._security = security
        self._question = question
        self._on_end = on_end

    @property
    def code(self) -> str:
        return self._code

    def body(self) -> bytes:
        return self._question.body(self._security)

    def read(self, body: bytes) -> CapitalDistribution:
        return read_capital_distribution(body, self._code, self._security)

    def ended(self) -> None:
        self._on_end(self)


class GlobalStateRequest(Request[GlobalState]):
    """Proto 1002."""

    __slots__ = ()

    proto_id = catalog.GLOBAL_STATE

    def body(self) -> bytes:
        return global_state_body()

    def read(self, body: bytes) -> GlobalState:
        return read_global_state(body)
