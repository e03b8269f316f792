"""A request under way, and what becomes of it: what a session tells. No behaviour of their own."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from ..errors import AiocapdistError
from .wire import Welcome

RefT = TypeVar("RefT")


class Flight(Generic[RefT]):
    """One request under way. ``written`` is set before its bytes are handed out."""

    __slots__ = ("data", "key", "ref", "route", "sent_at", "written")

    def __init__(self, key: tuple[int, int], ref: RefT | None, sent_at: float, data: bytes) -> None:
        self.key: tuple[int, int] = key
        self.ref: RefT | None = ref
        self.sent_at: float = sent_at
        self.data: bytes = data
        self.written: bool = False
        self.route: Any = None


class Replied(NamedTuple, Generic[RefT]):
    """The reply to a request: its clear body."""

    flight: Flight[RefT]
    body: bytes


class Damaged(NamedTuple, Generic[RefT]):
    """A request's reply came, but is unusable."""

    flight: Flight[RefT]
    error: AiocapdistError


class TimedOut(NamedTuple, Generic[RefT]):
    """A request had no reply in time. It stays known, as forgotten."""

    flight: Flight[RefT]


class Settled(NamedTuple, Generic[RefT]):
    """A forgotten request's reply came at last (``late``), or is no longer expected."""

    flight: Flight[RefT]
    late: bool


class Welcomed(NamedTuple):
    """The hand-shake is done."""

    welcome: Welcome


class Pushed(NamedTuple):
    """OpenD said something unasked."""

    proto_id: int
    body: bytes


Event: TypeAlias = (
    Replied[RefT] | Damaged[RefT] | TimedOut[RefT] | Settled[RefT] | Welcomed | Pushed
)
