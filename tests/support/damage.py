"""Damage that is certain: a byte that is set to a fixed value may have had it before."""

from __future__ import annotations


def with_last_byte_altered(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])
