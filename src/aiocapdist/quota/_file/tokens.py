"""One token in a ledger file, and who has it; how all of them stand for one holder. Pure."""

from __future__ import annotations

from typing import NamedTuple

FREE, HELD, COOLING, REFUSED = range(4)


class Holder(NamedTuple):
    """One quota object in one process."""

    pid: int
    started: int
    """When the process did, in the kernel's ticks: process ids are used again."""
    space: int
    """The namespace in which ``pid`` means something."""
    instance: int
    """Random: a process may have several."""


class Slot(NamedTuple):
    """One token."""

    state: int
    holder: Holder
    until: float


NOBODY = Holder(0, 0, 0, 0)
EMPTY = Slot(FREE, NOBODY, 0.0)


class Sight(NamedTuple):
    """How things stand for one holder, at one moment. Times are the machine's."""

    free: int
    mine: int
    others: int
    """Held by other holders."""
    counted: list[float]
    """When the tokens that cool are free."""
    refused: list[float]
    """The same of those whose requests OpenD refused."""
    lease_ends: float
    """When the first of mine is free, should I never say a word again; ``inf`` without any."""

    def having_taken(self, count: int, until: float) -> Sight:
        """The same once so many more are mine."""
        return self._replace(
            free=self.free - count,
            mine=self.mine + count,
            lease_ends=min(self.lease_ends, until),
        )
