"""A fuzzer's bytes as a source of decisions, for inputs of any length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Tape:
    """Returns numbers and bytes; zeros and no bytes at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._data)

    def number(self, below: int) -> int:
        """Return a number from 0 to ``below`` - 1, from one byte."""
        self._at += 1
        return self._data[self._at - 1] % below if self._at <= len(self._data) else 0

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]

    def take(self, longest: int) -> bytes:
        """Return up to ``most`` bytes; the first byte says how many."""
        begin = self._at + 1
        self._at = begin + self.number(longest + 1)
        return self._data[begin : self._at]

    def cut(self, data: bytes) -> list[bytes]:
        """Return the bytes in pieces, as a socket might deliver them."""
        pieces = []
        while data and (size := self.number(48)):
            pieces.append(data[:size])
            data = data[size:]
        return [*pieces, data]
