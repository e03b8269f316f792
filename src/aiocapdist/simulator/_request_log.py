"""What was asked, for tests to read."""

from __future__ import annotations

from typing import NamedTuple


class LoggedRequest(NamedTuple):
    """One request as the simulator saw it.

    ``time`` is the loop's clock when it was decided (counted), in seconds;
    ``connection`` the connection's id; ``code`` the security asked about, if any.
    ``outcome`` is one of ``answered``, ``refused`` (for frequency), ``unknown``,
    ``unsupported``, ``failed`` (by a fault), ``invalid`` (a body that cannot be read),
    ``damaged`` (a wrong digest: not answered), ``wrong key`` and ``too early`` (before
    InitConnect: the connection is closed).
    """

    time: float
    connection: int
    proto_id: int
    serial: int
    code: str | None
    outcome: str
