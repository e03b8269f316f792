"""The state of a client's connection."""

from typing import Literal, TypeAlias

from .._lazy import publish
from ._base import Frozen


class RoundTrip(Frozen):
    """Seconds from sending a request to its reply: quantiles of the last 512 replies."""

    median: float
    p90: float
    p99: float
    largest: float


ConnectionState: TypeAlias = Literal["connecting", "ready", "reconnecting", "closed"]


class Status(Frozen):
    """State of one client at one moment (``client.status``)."""

    state: ConnectionState
    transport: str
    """``tcp``, ``ws``, ``wss`` or ``memory``."""
    encrypted: bool
    """True if the connection is encrypted, by ``rsa_key`` or by TLS."""
    conn_id: int | None
    """OpenD's number for the connection; None while not connected."""
    server_version: str | None
    """Such as ``10.11``; None before the first connection and over WebSocket."""
    login_user_id: int | None
    """User id of OpenD's login; None before the first connection and over WebSocket."""
    uptime: float | None
    """Seconds since the handshake of the present connection; None while not connected."""
    reconnects: int
    """Number of connections after the first one."""
    calls: int
    """Number of requests sent, each retry included."""
    late_replies: int
    """Number of replies that arrived after their call had timed out or been cancelled."""
    round_trip: RoundTrip | None
    """None before the first reply."""

    def _repr_html_(self) -> str:
        from ._html import status_html  # for notebooks alone

        return status_html(self)


def version_text(number: int) -> str:
    """Return OpenD's version number in its usual form: 1011 is ``10.11``."""
    return f"{number // 100}.{number % 100:02d}"


publish("aiocapdist", globals())
