"""The kinds of question a client asks."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message

from .._protocol import catalog
from .._protocol.decoders import decode_capital_distribution, decode_global_state, decode_message
from .._protocol.encoders import CapitalDistributionEncoder, encode_global_state
from ..models import CapitalDistribution, GlobalState, Security
from .queue import RequestQueue
from .request import Home, Request

M = TypeVar("M", bound=Message)


class DistributionRequest(Request[CapitalDistribution]):
    """Proto 3212, about one security."""

    __slots__ = ("_question", "_security", "code", "home")

    proto_id = catalog.CAPITAL_DISTRIBUTION
    code: str

    def __init__(
        self,
        lane: RequestQueue,
        attempts: int,
        code: str,
        security: Security,
        question: CapitalDistributionEncoder,
        home: Home,
    ) -> None:
        Request.__init__(self, lane, attempts)  # super() would cost a third of all this
        self.code = code
        self._security = security
        self._question = question
        self.home: Home | None = home

    @property
    def about(self) -> str:
        return self.code

    def body(self) -> bytes:
        return self._question.encode(self._security)

    def read(self, body: bytes) -> CapitalDistribution:
        return decode_capital_distribution(body, self.code, self._security)


class GlobalStateRequest(Request[GlobalState]):
    """Proto 1002."""

    __slots__ = ()

    proto_id = catalog.GLOBAL_STATE

    def body(self) -> bytes:
        return encode_global_state()

    def read(self, body: bytes) -> GlobalState:
        return decode_global_state(body)


class MessageRequest(Request[M]):
    """Any other call, in the user's own protobuf classes."""

    __slots__ = ("_body", "_idempotent", "_response_type", "proto_id")

    def __init__(
        self,
        lane: RequestQueue,
        attempts: int,
        proto_id: int,
        body: bytes,
        response_type: type[M],
        idempotent: bool,
    ) -> None:
        super().__init__(lane, attempts)
        self.proto_id = proto_id
        self._body = body
        self._response_type = response_type
        self._idempotent = idempotent

    @property
    def repeatable(self) -> bool:
        return self._idempotent

    def body(self) -> bytes:
        return self._body

    def read(self, body: bytes) -> M:
        return decode_message(body, self._response_type)
