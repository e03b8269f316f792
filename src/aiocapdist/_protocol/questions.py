"""Writing what OpenD is asked: models into bodies."""

from __future__ import annotations

from .._pb import capital_distribution_pb2, global_state_pb2, keep_alive_pb2
from ..models import Security


class CapitalDistributionQuestion:
    """Bodies of 3212. One message is filled anew each time: making one costs more."""

    def __init__(self, security_firm: int | None = None) -> None:
        self._request = capital_distribution_pb2.Request()
        if security_firm is not None:
            self._request.c2s.header.securityFirm = security_firm
        self._security = self._request.c2s.security

    def body(self, security: Security) -> bytes:
        self._security.market = security.market
        self._security.code = security.symbol
        return self._request.SerializeToString()


def global_state_body() -> bytes:
    """Body of 1002. The user id is no longer read: 0."""
    return global_state_pb2.Request(c2s=global_state_pb2.C2S(userID=0)).SerializeToString()


def keep_alive_body(utc: float) -> bytes:
    """Body of 1004 at this Unix time."""
    return keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=int(utc))).SerializeToString()
