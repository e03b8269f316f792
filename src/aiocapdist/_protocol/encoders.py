"""Encode requests: arguments to protobuf bodies."""

from __future__ import annotations

from .._pb import capital_distribution_pb2
from ..models import Security

_REUSES = 4096
"""Number of times one message object is filled. Protobuf releases replaced strings only with
the whole message, 8 bytes each: without a limit that would add up."""


class CapitalDistributionEncoder:
    """Encodes requests of 3212. Reuses one message object, since creating one costs more."""

    def __init__(self, security_firm: int | None = None) -> None:
        self.security_firm: int | None = security_firm
        """The number that goes into each request's header."""
        self._renew()

    def _renew(self) -> None:
        self._request = capital_distribution_pb2.Request()
        if self.security_firm is not None:
            self._request.c2s.header.securityFirm = self.security_firm
        self._security = self._request.c2s.security
        self._left = _REUSES

    def encode(self, security: Security) -> bytes:
        """Return the body of a request for this security."""
        if not self._left:
            self._renew()
        self._left -= 1
        self._security.market, self._security.code = security
        return self._request.SerializeToString()


def encode_keep_alive(utc: float) -> bytes:
    """Return the body of a 1004 request sent at this Unix time."""
    from .._pb import keep_alive_pb2  # many programs end before the first

    return keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=int(utc))).SerializeToString()
