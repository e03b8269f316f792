"""Damaged bytes, and ways to cut bytes into pieces."""

from __future__ import annotations

import random
from collections.abc import Iterator

Pieces = list[bytes]


def damaged(draw: random.Random, data: bytes) -> bytes:
    """Return the bytes with one random change."""
    at = draw.randrange(len(data) + 1)
    match draw.randrange(7):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + draw.randbytes(draw.randrange(1, 9)) + data[at:]
        case 2:
            return data[:at] + data[at + draw.randrange(1, 9) :]
        case 3:
            return data[:at] + data
        case 4:
            length = draw.choice((b"\xff" * 4, b"\0\0\0\x80", b"\0" * 4))
            return data[:12] + length + data[16:]
        case _:
            return data[:at] + bytes([draw.getrandbits(8)]) + data[at + 1 :]


def chunkings(draw: random.Random, data: bytes, number: int) -> Iterator[Pieces]:
    """Return the bytes whole, at times byte by byte, and cut at ``number`` random places."""
    yield [data]
    if draw.random() < 0.2:
        yield [data[n : n + 1] for n in range(len(data))]
    share, size = draw.random, len(data) + 1
    for _ in range(number // 2):
        at = int(share() * size)
        yield [data[:at], data[at:]]
    for _ in range(number - number // 2):
        a, b, c = sorted((int(share() * size), int(share() * size), int(share() * size)))
        yield [data[:a], data[a:b], data[b:c], data[c:]]
