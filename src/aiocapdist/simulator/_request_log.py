"""The log of requests, for tests to read."""

from __future__ import annotations

from typing import NamedTuple


class LoggedRequest(NamedTuple):
    """One request as the simulator saw it.

    ``time`` is the event loop's clock, in seconds, at the moment when the request was
    decided on (and counted); ``connection`` is the connection's id; ``code`` is the
    security asked about, or None.

    ``outcome`` is one of ``answered``, ``refused`` (for frequency), ``unknown``,
    ``unsupported``, ``failed`` (by a fault), ``invalid`` (the body cannot be decoded),
    ``damaged`` (wrong digest, or not decryptable: no reply), ``wrong key``, and
    ``too early`` (sent before the handshake: the connection is closed).
    """

    time: float
    connection: int
    proto_id: int
    serial: int
    code: str | None
    outcome: str
