"""The codes that a sweep was given, and how often each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import TypeAlias

from ..models import Security

Code: TypeAlias = str | Security

COUNTED_AT_ONCE = 8192
"""Number of codes counted before other tasks run: about a millisecond."""


class GivenCodes:
    """The codes of a sweep, each once. ``repeats`` has the number of those given more often.

    A collection is counted before the first code is drawn: call :meth:`count` until
    ``counted``. Other iterables are drawn as they are, their repeats are not known beforehand.
    """

    def __init__(self, codes: Iterable[Code]) -> None:
        self.repeats: dict[str, int] = {}
        self.counted: bool = False
        self._codes = codes
        self._first: dict[str, Code] = {}
        distinct = not isinstance(codes, Collection) or isinstance(codes, set | frozenset | dict)
        self._uncounted: Iterator[Code] = iter(() if distinct else codes)

    def count(self) -> None:
        """Count up to COUNTED_AT_ONCE more codes."""
        first, repeats = self._first, self.repeats
        some = list(islice(self._uncounted, COUNTED_AT_ONCE))
        for code in some:
            name = code if type(code) is str else shown_as(code)
            if name in first:
                repeats[name] = repeats.get(name, 1) + 1
            else:
                first[name] = code
        self.counted = len(some) < COUNTED_AT_ONCE

    def draw(self) -> Iterator[Code]:
        """Return the codes in the order in which they first come."""
        first, self._first = self._first, {}
        return iter(first.values() if self.repeats else self._codes)


def shown_as(code: object) -> str:
    """The code as shown in an outcome: the string, a Security's code, else its repr."""
    if isinstance(code, str):
        return code
    return str(code) if isinstance(code, Security) else repr(code)
