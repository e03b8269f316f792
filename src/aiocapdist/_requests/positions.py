"""Positions in a queue whose members leave in any order, in logarithmic time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


class Positions:
    """A Fenwick tree over the members of a queue.

    Members are counted in the order in which they came, and those that left count as 0.
    """

    def __init__(self, members: Iterable[Hashable]) -> None:
        self._numbers: dict[Hashable, int] = {member: n for n, member in enumerate(members, 1)}
        count = len(self._numbers)
        self._size = 2 * count + 64  # as many may come before it is built again
        self._tree = [0] + [1] * count + [0] * (self._size - count)
        for n in range(1, self._size):
            above = n + (n & -n)
            if above <= self._size:
                self._tree[above] += self._tree[n]
        self._last = count

    def __contains__(self, member: Hashable) -> bool:
        return member in self._numbers

    def append(self, member: Hashable) -> bool:
        """Add a member at the end. False if there is no room: build it again."""
        if self._last == self._size:
            return False
        self._last += 1
        self._numbers[member] = self._last
        self._add(self._last, 1)
        return True

    def discard(self, member: Hashable) -> None:
        """Remove a member, if it is one."""
        number = self._numbers.pop(member, None)
        if number is not None:
            self._add(number, -1)

    def of(self, member: Hashable) -> int:
        """Return a member's position, from 1."""
        number, position = self._numbers[member], 0
        while number:
            position += self._tree[number]
            number &= number - 1
        return position

    def _add(self, number: int, count: int) -> None:
        while number <= self._size:
            self._tree[number] += count
            number += number & -number
