"""What a session reports to its connection. Plain data, without behaviour."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeAlias

from ..errors import AiocapdistError
from .codec import HandshakeResult
from .flight import Flight, RefT


class ReplyReceived(NamedTuple, Generic[RefT]):
    """The reply to a request, as a clear body that is not parsed yet."""

    flight: Flight[RefT]
    body: bytes


class ReplyInvalid(NamedTuple, Generic[RefT]):
    """The reply to a request, but unusable: damaged, too long, or an error of the transport."""

    flight: Flight[RefT]
    error: AiocapdistError


class ReplyOverdue(NamedTuple, Generic[RefT]):
    """A request got no reply within its timeout. If written, it leaves a tombstone."""

    flight: Flight[RefT]


class RequestSettled(NamedTuple, Generic[RefT]):
    """A tombstone is gone: its reply came after all (``late``), or is no longer expected."""

    flight: Flight[RefT]
    late: bool


class HandshakeCompleted(NamedTuple):
    """OpenD accepted the handshake; requests can be sent."""

    result: HandshakeResult


class PushReceived(NamedTuple):
    """A message that OpenD sent without a request."""

    proto_id: int
    body: bytes


_ReplyEvent: TypeAlias = (
    "ReplyReceived[RefT] | ReplyInvalid[RefT] | ReplyOverdue[RefT] | RequestSettled[RefT]"
)
SessionEvent: TypeAlias = "_ReplyEvent[RefT] | HandshakeCompleted | PushReceived"
