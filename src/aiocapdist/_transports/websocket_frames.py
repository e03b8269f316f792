"""Frames of a WebSocket that are written here: `websockets` asks the system for each one's key."""

from __future__ import annotations

import struct
from secrets import token_bytes

from websockets.frames import apply_mask  # type: ignore[attr-defined]

_BINARY = 0x82  # and final: the whole message
_MASKED = 0x80  # as all that a client sends
_KEY = 4  # bytes
_SHORT = struct.Struct("!BB4s")
_MEDIUM = struct.Struct("!BBH4s")
_LONG = struct.Struct("!BBQ4s")


def encode_messages(messages: list[bytes]) -> list[bytes]:
    """Return each message as one frame: binary, final, masked with a random key of its own."""
    keys = token_bytes(_KEY * len(messages))
    starts = range(0, len(keys), _KEY)
    return [
        _frame(message, keys[start : start + _KEY])
        for message, start in zip(messages, starts, strict=True)
    ]


def _frame(message: bytes, key: bytes) -> bytes:
    length = len(message)
    if length < 126:
        head = _SHORT.pack(_BINARY, _MASKED | length, key)
    elif length < 65536:
        head = _MEDIUM.pack(_BINARY, _MASKED | 126, length, key)
    else:
        head = _LONG.pack(_BINARY, _MASKED | 127, length, key)
    return head + apply_mask(message, key)
