"""The ways that a group's requests can go: each gateway, under the quota that counts there."""

from __future__ import annotations

from typing import Any

from .._connection.gateway import Gateway
from .._connection.supervisor import Supervisor
from .._protocol.encoders import CapitalDistributionEncoder
from .._protocol.flight import Flight
from ..errors import AiocapdistError
from .queue import AnyRequest, Tokens


class GroupWay:
    """One gateway under one quota (see _lane.Way)."""

    def __init__(
        self, name: str, gateway: Gateway, question: CapitalDistributionEncoder, quota: Tokens
    ) -> None:
        self.name: str = name
        self.gateway = gateway
        self.question = question
        self.link: Supervisor = gateway.supervisor
        self.quota = quota

    def send(self, request: AnyRequest, now: float) -> Flight[Any]:
        connection = self.link.connection
        assert connection is not None
        request.way = self
        return connection.send(Trip(request, self), now)


class Trip:
    """A request on its way to one gateway (see _connection.Pending).

    What a late reply settles is this way's token, wherever the request went in between.
    """

    __slots__ = ("_request", "_way", "proto_id")

    def __init__(self, request: AnyRequest, way: GroupWay) -> None:
        self._request = request
        self._way = way
        self.proto_id: int = request.proto_id

    def body(self) -> bytes:
        return self._request.body()

    def replied(self, body: bytes, at: float) -> None:
        self._request.replied(body, at)

    def damaged(self, error: AiocapdistError, at: float) -> None:
        self._request.damaged(error, at)

    def timed_out(self, *, sent: bool) -> None:
        self._request.timed_out(sent=sent)

    def settled(self, at: float) -> None:
        self._way.quota.replied(at)

    def lost(self, cause: Exception, *, sent: bool, forgotten: bool) -> None:
        if forgotten:
            self._way.quota.lost(1)
        else:
            self._request.lost(cause, sent=sent, forgotten=False)
