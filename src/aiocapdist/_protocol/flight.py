"""A request in flight."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

RefT = TypeVar("RefT")


class Flight(Generic[RefT]):
    """One request that was given to a session and is not settled yet.

    ``key`` is (proto id, serial). ``ref`` is the caller's own object; None marks the session's
    own messages (handshake, keep-alive). ``sent_at`` is in the clock's seconds. ``written`` is
    True once the bytes were handed to the transport: OpenD may have received them. ``route``
    is for the sender: the session does not use it.
    """

    __slots__ = ("data", "key", "ref", "route", "sent_at", "written")

    def __init__(self, key: tuple[int, int], ref: RefT | None, sent_at: float, data: bytes) -> None:
        self.key: tuple[int, int] = key
        self.ref: RefT | None = ref
        self.sent_at: float = sent_at
        self.data: bytes = data
        self.written: bool = False
        self.route: Any = None
