"""Protobuf's wire format, for the few messages that every program sends and receives.

Loading protobuf takes a tenth of a script's start, and 3 MiB. It is loaded for all other messages,
and for what :func:`decode_fields` rejects.
"""

from __future__ import annotations

from collections.abc import Mapping

_VARINT, _BYTES = 0, 2  # wire types: of integers, enums and booleans; of texts and messages
_MAX_NUMBER = 2**29 - 1


class UnusualMessage(ValueError):
    """Raised for a message that protobuf must read, or reject."""


def encode_fields(fields: Mapping[int, int | bytes]) -> bytes:
    """Return a message with these fields, by their numbers and in this order."""
    data = bytearray()
    for number, value in fields.items():
        if isinstance(value, bytes):
            data += _varint(number << 3 | _BYTES) + _varint(len(value)) + value
        else:
            data += _varint(number << 3 | _VARINT) + _varint(value)
    return bytes(data)


def decode_fields(data: bytes) -> dict[int, int | bytes]:
    """Return a message's fields by their numbers, integers unsigned and of 64 bits.

    Raises UnusualMessage if it is cut short, repeats a field, has one of another wire type, or
    writes a number in more bytes than it needs: of a tag and a length, protobuf rejects that.
    """
    fields: dict[int, int | bytes] = {}
    at, size = 0, len(data)
    while at < size:
        tag, at = _read_varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if not 0 < number <= _MAX_NUMBER or number in fields or wire_type not in (_VARINT, _BYTES):
            raise UnusualMessage
        value, at = _read_varint(data, at)
        if wire_type == _VARINT:
            fields[number] = value
            continue
        end = at + value
        if end > size:
            raise UnusualMessage
        fields[number], at = data[at:end], end
    return fields


def _varint(value: int) -> bytes:
    value &= 2**64 - 1  # negative numbers are sent as their two's complement
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at this place, and the place after it."""
    value = 0
    for n, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * n
        if byte <= 0x7F:
            if value < 2**64 and (byte or n == 0):
                return value, at + n + 1
            break
    raise UnusualMessage
