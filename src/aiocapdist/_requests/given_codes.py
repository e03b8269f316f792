"""The codes that a sweep was given, and how often each of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from typing import TypeAlias

from ..models import Security

Code: TypeAlias = str | Security

COUNTED_AT_ONCE = 8192
"""Number of codes counted before other tasks run: about a millisecond."""
PARTS = 64
"""Dictionaries that hold the codes counted, by hash: growing or freeing one large one would hold up
the loop for as long as all the rest."""
DRAWN_FOR_A_PART = 64
"""Number of codes drawn for each part that is freed."""


class GivenCodes:
    """The codes of a sweep, each once. ``repeats`` has the number of those given more often.

    A collection is counted before the first code is drawn: call :meth:`count` until
    ``counted``. Its caller may change it then. Other iterables are drawn as they are, their
    repeats are not known beforehand.
    """

    def __init__(self, codes: Iterable[Code]) -> None:
        self.repeats: dict[str, int] = {}
        self.counted: bool = False
        collected = isinstance(codes, Collection)
        distinct = isinstance(codes, set | frozenset | dict)
        # Not iter(): a set or a deque could not be changed before the first step either.
        self._uncounted: Iterator[Code] = chain(codes if collected else ())
        self._others: Iterable[Code] | None = None if collected else codes
        self._parts: list[dict[str, None]] = (
            [{} for _ in range(PARTS)] if collected and not distinct else []
        )
        self._first: deque[tuple[Code, ...]] = deque()

    def count(self) -> None:
        """Count up to COUNTED_AT_ONCE more codes."""
        some = list(islice(self._uncounted, COUNTED_AT_ONCE))
        first = self._without_repeats(some) if self._parts else some
        self._first.append(tuple(first))  # the garbage collector visits it once, a list each time
        self.counted = len(some) < COUNTED_AT_ONCE

    def _without_repeats(self, some: list[Code]) -> list[Code]:
        parts, repeats = self._parts, self.repeats
        first: list[Code] = []
        for code in some:
            name = code if type(code) is str else shown_as(code)
            part = parts[hash(name) % PARTS]
            if name in part:
                repeats[name] = repeats.get(name, 1) + 1
            else:
                part[name] = None
                first.append(code)
        return first

    def draw(self) -> Iterator[Code]:
        """Return the codes in the order in which they first come."""
        return self._draw_counted() if self._others is None else iter(self._others)

    def _draw_counted(self) -> Iterator[Code]:
        drawn = 0
        while self._first:
            for code in self._first.popleft():
                yield code
                drawn += 1
                if self._parts and not drawn % DRAWN_FOR_A_PART:
                    self._parts.pop()


def shown_as(code: object) -> str:
    """The code as shown in an outcome: the string, a Security's code, else its repr."""
    if isinstance(code, str):
        return code
    return str(code) if isinstance(code, Security) else repr(code)
