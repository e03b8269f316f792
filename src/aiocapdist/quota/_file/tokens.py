"""One token in a ledger file, and how all of them look to one owner. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

from .._core.store import Row
from .owner import NOBODY, Owner

FREE, HELD, EXPIRING, REJECTED = range(4)

_RECORD = struct.Struct("<BxxxIQQQd")
RECORD_SIZE = _RECORD.size
OWNER_AT = slice(4, 32)
"""Where a record has its owner."""


class Token(NamedTuple):
    """One token. Whatever its state, it is free once ``until`` has come."""

    state: int
    owner: Owner
    until: float

    def pack(self) -> bytes:
        """Return its record in the file."""
        return _RECORD.pack(self.state, *self.owner, self.until)

    @classmethod
    def unpack(cls, record: bytes | bytearray) -> Token:
        """Return the token of a record."""
        state, pid, started, namespace, instance, until = _RECORD.unpack(record)
        return cls(state, Owner(pid, started, namespace, instance), until)


FREE_TOKEN = Token(FREE, NOBODY, 0.0)


class View(NamedTuple):
    """All tokens as one owner sees them at one moment. Times are of the machine's clock."""

    free: int
    mine: int
    others: int
    """Number of tokens held by other owners."""
    counted: list[float]
    """When each expiring token is free."""
    rejected: list[float]
    """The same of tokens whose requests OpenD rejected."""
    lease_ends: float
    """When the first of mine is free if it is not renewed; ``inf`` if there are none."""

    def usable(self, ceiling: int) -> int:
        """Return the number of free tokens that a limit of ``ceiling`` allows to use."""
        spent = self.mine + self.others + len(self.counted)
        return max(0, min(self.free, ceiling - spent))

    def rows(self, now: float, span: float) -> Iterator[Row]:
        """Yield when tokens are free, the earliest first; held ones a ``span`` from now."""
        yield now, self.free, False
        yield from merge(
            ((back_at, 1, False) for back_at in sorted(self.counted)),
            ((back_at, 1, True) for back_at in sorted(self.rejected)),
            [(now + span, self.mine + self.others, False)],
        )

    def having_acquired(self, count: int, until: float) -> View:
        """Return the view once ``count`` free tokens are mine."""
        return self._replace(
            free=self.free - count,
            mine=self.mine + count,
            lease_ends=min(self.lease_ends, until),
        )
