"""Encode and read the frames of nearly all messages: final, binary, without extensions.

`websockets` takes ten times as long for these. All other frames are left to it.
"""

from __future__ import annotations

import struct
from secrets import token_bytes

from websockets.frames import apply_mask  # type: ignore[attr-defined]

_BINARY = 0x82  # and final: the whole message
_USUAL = (_BINARY, 0x89, 0x8A)  # ping and pong may stand between any two frames
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


class MessageReader:
    """Reads messages from a stream of frames, as long as the frames are the usual ones.

    ``limit`` is the length in bytes up to which they are.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._usual = True

    def clear(self) -> None:
        """Drop what is buffered of an unfinished frame."""
        self._rest = b""

    def read(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Accept received bytes; return whole messages, and what `websockets` must read.

        These are pings and pongs, and from the first other frame on all that comes.
        """
        messages: list[bytes] = []
        others = bytearray()
        data, start = self._rest + data, 0
        size = len(data)
        while self._usual and size - start >= 2:
            first, length, body = data[start], data[start + 1], start + 2
            if length == 126 and first == _BINARY:
                body = start + 4
                length = int.from_bytes(data[start + 2 : body], "big")
            elif length > 125 or first not in _USUAL:
                length = self._limit + 1
            end = body + length
            if length > self._limit:
                self._usual = False
            elif end > size:
                break
            else:
                if first == _BINARY:
                    messages.append(data[body:end])
                else:
                    others += data[start:end]
                start = end
        if not self._usual:
            others += data[start:]
            start = size
        self._rest = data[start:]
        return messages, bytes(others)
