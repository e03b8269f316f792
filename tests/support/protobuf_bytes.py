"""Protobuf messages made byte by byte, for what no generated class would write."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """Return a number in protobuf's variable-length form."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes) -> bytes:
    """Return one field: a number, or a text or message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def raw_push(s2c: bytes) -> bytes:
    """Return the body of a push whose inner message is these bytes."""
    return field(1, 0) + field(4, s2c)
