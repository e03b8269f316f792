"""The kinds of request: one class for each. What few programs ask for is loaded when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from .._protocol import catalog
from .._protocol.decoders import decode_capital_distribution
from ..models import CapitalDistribution, Period, Security
from .request import Queue, Request, RequestListener, T

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ..models import CapitalFlow, GlobalState
    from .routes import Route

K = TypeVar("K")
M = TypeVar("M", bound="Message")

FlowKey: TypeAlias = tuple[str, Period, str | None, str | None]
"""Code, period, start and end of a capital flow. Dates are ``YYYY-MM-DD``."""


class SharedRequest(Request[T], Generic[K, T]):
    """A request that equal calls share. Calls with the same key are equal."""

    __slots__ = ("key", "registry", "security")

    def __init__(
        self, queue: Queue, attempts: int, key: K, security: Security, registry: RequestListener
    ) -> None:
        Request.__init__(self, queue, attempts)  # super() would cost a third of all this
        self.key: K = key
        self.security: Security = security
        self.registry: RequestListener | None = registry


class DistributionRequest(SharedRequest[str, CapitalDistribution]):
    """Proto 3212, for one security. Its key is the code."""

    __slots__ = ()

    proto_id = catalog.CAPITAL_DISTRIBUTION

    @property
    def code(self) -> str:
        return self.key

    def body(self, route: Route) -> bytes:
        # The route's own encoder: gateways of a group may be of several brokers.
        return route.encoder.encode(self.security)

    def read(self, body: bytes) -> CapitalDistribution:
        return decode_capital_distribution(body, self.key, self.security)


class FlowRequest(SharedRequest[FlowKey, "CapitalFlow"]):
    """Proto 3211, for one security, period and range of dates."""

    __slots__ = ()

    proto_id = catalog.CAPITAL_FLOW

    @property
    def code(self) -> str:
        return self.key[0]

    def body(self, route: Route) -> bytes:
        from .._protocol.capital_flow import encode_capital_flow

        _, period, start, end = self.key
        return encode_capital_flow(self.security, period, start, end, route.encoder.security_firm)

    def read(self, body: bytes) -> CapitalFlow:
        from .._protocol.capital_flow import decode_capital_flow

        code, period, *_ = self.key
        return decode_capital_flow(body, code, self.security, period)


class GlobalStateRequest(Request["GlobalState"]):
    """Proto 1002."""

    __slots__ = ()

    proto_id = catalog.GLOBAL_STATE

    def body(self, route: Route) -> bytes:
        from .._protocol.global_state import encode_global_state

        return encode_global_state()

    def read(self, body: bytes) -> GlobalState:
        from .._protocol.global_state import decode_global_state

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
        from .._protocol.response import decode_message

        return decode_message(body, self._response_type)
