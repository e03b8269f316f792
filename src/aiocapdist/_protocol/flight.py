"""A request in flight."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

RefT = TypeVar("RefT")


class Flight(Generic[RefT]):
    """One request that was given to a session and is not settled yet.

    ``ref`` is the caller's own object; None marks the session's own messages (handshake,
    keep-alive). ``sent_at`` is in the clock's seconds. ``written`` is True once the bytes were
    handed to the transport: OpenD may have received them. ``route`` is for the sender: the
    session does not use it.
    """

    __slots__ = ("proto_id", "ref", "route", "sent_at", "serial", "written")

    def __init__(
        self, proto_id: int, serial: int, ref: RefT | None, sent_at: float, route: Any = None
    ) -> None:
        self.proto_id: int = proto_id
        self.serial: int = serial
        self.ref: RefT | None = ref
        self.sent_at: float = sent_at
        self.route: Any = route
        self.written: bool = False
