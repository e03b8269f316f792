"""A fuzzer's bytes, read as decisions: short inputs and long ones alike mean something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Tape:
    """Hands out numbers and bytes; at its end, zeros and nothing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._data)

    def number(self, below: int) -> int:
        """From 0 to ``below`` - 1, of one byte."""
        self._at += 1
        return self._data[self._at - 1] % below if self._at <= len(self._data) else 0

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]

    def take(self, longest: int) -> bytes:
        """Up to so many bytes: the first one says how many."""
        begin = self._at + 1
        self._at = begin + self.number(longest + 1)
        return self._data[begin : self._at]

    def cut(self, data: bytes) -> list[bytes]:
        """These bytes in pieces, as a socket might bring them."""
        pieces = []
        while data and (size := self.number(48)):
            pieces.append(data[:size])
            data = data[size:]
        return [*pieces, data]
