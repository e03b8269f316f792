"""Writing what OpenD is asked: models into bodies."""

from __future__ import annotations

from .._pb import capital_distribution_pb2, global_state_pb2, keep_alive_pb2
from ..models import Security

REUSED = 4096
"""How often one message is filled. Protobuf frees what was filled in before only with the
whole message: eight bytes a time, which would add up."""


class CapitalDistributionQuestion:
    """Bodies of 3212. One message is filled anew many times: making one costs more."""

    def __init__(self, security_firm: int | None = None) -> None:
        self._security_firm = security_firm
        self._renew()

    def _renew(self) -> None:
        self._request = capital_distribution_pb2.Request()
        if self._security_firm is not None:
            self._request.c2s.header.securityFirm = self._security_firm
        self._security = self._request.c2s.security
        self._left = REUSED

    def body(self, security: Security) -> bytes:
        if not self._left:
            self._renew()
        self._left -= 1
        self._security.market, self._security.code = security
        return self._request.SerializeToString()


def global_state_body() -> bytes:
    """Body of 1002. The user id is no longer read: 0."""
    return global_state_pb2.Request(c2s=global_state_pb2.C2S(userID=0)).SerializeToString()


def keep_alive_body(utc: float) -> bytes:
    """Body of 1004 at this Unix time."""
    return keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=int(utc))).SerializeToString()
