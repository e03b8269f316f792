"""The state of a connection as users see it: in ``client.status`` and in events."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from .._protocol.codec import HandshakeResult

if TYPE_CHECKING:
    from ..events import Connected, Disconnected, Notice, Reconnecting
    from ..models.status import ConnectionState


class LinkState(Enum):
    """The values of ``client.status.state``."""

    _value_: ConnectionState

    CONNECTING = "connecting"
    READY = "ready"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


def connected(handshake: HandshakeResult) -> Connected:
    """Return the event that reports this handshake."""
    from ..events import Connected

    return Connected.model_construct(  # valid as it is: validating would first build a schema
        conn_id=handshake.conn_id,
        server_version=server_version(handshake),
        login_user_id=handshake.login_user_id,
    )


def disconnected(reason: str) -> Disconnected:
    """Return the event that reports a loss."""
    from ..events import Disconnected

    return Disconnected.model_construct(reason=reason)


def reconnecting(delay: float, attempt: int) -> Reconnecting:
    """Return the event that announces an attempt to reconnect."""
    from ..events import Reconnecting

    return Reconnecting.model_construct(delay=delay, attempt=attempt)


def notice(body: bytes) -> Notice:
    """Return the event that this push of OpenD tells. Raises ProtocolError."""
    from .._protocol.notices import decode_notice

    return decode_notice(body)


def server_version(handshake: HandshakeResult | None) -> str | None:
    """Return OpenD's version as people write it; None if it is not known."""
    if handshake is None or handshake.server_version is None:
        return None
    from ..models.status import version_text

    return version_text(handshake.server_version)
