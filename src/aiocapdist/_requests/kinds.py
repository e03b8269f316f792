"""The kinds of request: one class for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import Message

from .._protocol import catalog
from .._protocol.decoders import decode_capital_distribution, decode_global_state, decode_message
from .._protocol.encoders import encode_global_state
from ..models import CapitalDistribution, GlobalState, Security
from .request import Queue, Request, RequestListener

if TYPE_CHECKING:
    from .routes import Route

M = TypeVar("M", bound=Message)


class DistributionRequest(Request[CapitalDistribution]):
    """Proto 3212, for one security."""

    __slots__ = ("_security", "code", "registry")

    proto_id = catalog.CAPITAL_DISTRIBUTION
    code: str

    def __init__(
        self,
        queue: Queue,
        attempts: int,
        code: str,
        security: Security,
        registry: RequestListener,
    ) -> None:
        Request.__init__(self, queue, attempts)  # super() would cost a third of all this
        self.code = code
        self._security = security
        self.registry: RequestListener | None = registry

    def body(self, route: Route) -> bytes:
        # The route's own encoder: gateways of a group may be of several brokers.
        return route.encoder.encode(self._security)

    def read(self, body: bytes) -> CapitalDistribution:
        return decode_capital_distribution(body, self.code, self._security)


class GlobalStateRequest(Request[GlobalState]):
    """Proto 1002."""

    __slots__ = ()

    proto_id = catalog.GLOBAL_STATE

    def body(self, route: Route) -> bytes:
        return encode_global_state()

    def read(self, body: bytes) -> GlobalState:
        return decode_global_state(body)


class MessageRequest(Request[M]):
    """Any other call, in the user's own protobuf classes."""

    __slots__ = ("_body", "_idempotent", "_response_type", "proto_id")

    def __init__(
        self,
        queue: Queue,
        attempts: int,
        proto_id: int,
        body: bytes,
        response_type: type[M],
        *,
        idempotent: bool,
    ) -> None:
        super().__init__(queue, attempts)
        self.proto_id = proto_id
        self._body = body
        self._response_type = response_type
        self._idempotent = idempotent

    @property
    def idempotent(self) -> bool:
        return self._idempotent

    def body(self, route: Route) -> bytes:
        return self._body

    def read(self, body: bytes) -> M:
        return decode_message(body, self._response_type)
