"""The frame of OpenD's TCP protocol: a head of 44 bytes, little-endian, then the body.

===== ===== ============ ====================================================
start size  field        value
===== ===== ============ ====================================================
0     2     magic        ``FT``
2     4     proto id     the kind of message
6     1     body format  0 protobuf, 1 JSON
7     1     version      0
8     4     serial       chosen by the client, echoed in the reply
12    4     length       of the body as sent, after encryption
16    20    digest       SHA-1 of the body before encryption
36    8     reserved     zeros
===== ===== ============ ====================================================

What can be wrong with a frame, and what follows:

- A wrong magic, a version other than 0, a length over ``max_frame``: it is unknown where the
  next frame begins. The decoder returns the frames before it and sets
  :attr:`FrameDecoder.error`; the connection must be closed.
- A body over the limit of its proto id but within ``max_frame``: the body is discarded as it
  arrives, and its frame is returned without it.
- A wrong digest, a body format other than protobuf: only this frame is unusable. The decoder
  does not check either, since the digest is of the decrypted body.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from hashlib import sha1
from typing import NamedTuple

from ..errors import ProtocolError
from .foreign import foreign_data

MAGIC = b"FT"
VERSION = 0
PROTOBUF = 0
_HEAD = struct.Struct("<2sIBBII20s8x")
HEAD_SIZE = _HEAD.size
_unpack_head = _HEAD.unpack_from
_new = tuple.__new__  # makes a named tuple at half the cost of calling its class

# Not for security: unless told so, SHA-1 is disabled on machines in FIPS mode. Copied for each
# body, since creating one costs more.
_EMPTY = sha1(usedforsecurity=False)


def digest_of(body: bytes) -> bytes:
    """Return the digest that the head carries for this clear body."""
    digest = _EMPTY.copy()
    digest.update(body)
    return digest.digest()


class Frame(NamedTuple):
    """One frame as received. ``body`` may be encrypted; ``digest`` is of the clear body.

    ``discarded`` is the length of a body that was over its limit. ``body`` and ``digest`` are
    empty then, so that no digest can match.
    """

    proto_id: int
    serial: int
    body_format: int
    digest: bytes
    body: bytes
    discarded: int = 0


def encode_frame(proto_id: int, serial: int, body: bytes, digest: bytes | None = None) -> bytes:
    """Return the bytes of one frame. Pass the clear body's ``digest`` if ``body`` is encrypted."""
    if digest is None:
        digest = digest_of(body)
    return _HEAD.pack(MAGIC, proto_id, PROTOBUF, VERSION, serial, len(body), digest) + body


class FrameDecoder:
    """Splits a byte stream into frames, however it is chunked.

    ``limit`` returns the longest body accepted for a proto id. A longer one is not buffered:
    up to ``max_frame`` bytes it is discarded, beyond that the stream is unreadable.
    """

    def __init__(self, limit: Callable[[int], int], max_frame: int = 0) -> None:
        self.error: ProtocolError | None = None
        self._limit = limit
        self._max_frame = max_frame
        self._buffer = bytearray()
        self._need = 0
        self._discard = 0

    @property
    def pending(self) -> int:
        """Number of buffered bytes of an unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Accept received bytes and return the frames they complete. Check ``error`` after."""
        if self._buffer or self._discard:
            data = self._continue(data)
        frames: list[Frame] = []
        start, size = 0, len(data)
        while size - start >= HEAD_SIZE:
            head = _unpack_head(data, start)
            magic, proto_id, body_format, version, serial, length, digest = head
            begin = start + HEAD_SIZE
            end = begin + length
            if magic != MAGIC or version != VERSION or length > self._limit(proto_id):
                error = self._error_in(data[start:begin], version, proto_id, length)
                if error is not None:
                    self._fail(error)
                    return frames
                frames.append(Frame(proto_id, serial, body_format, b"", b"", length))
                self._discard = max(0, end - size)
            elif end > size:
                self._keep(data[start:], end - start)
                return frames
            else:
                frame = (proto_id, serial, body_format, digest, data[begin:end], 0)
                frames.append(_new(Frame, frame))
            start = end
        if start < size:
            self._begin_head(data[start:])
        return frames

    def clear(self) -> None:
        """Drop what is buffered of an unfinished frame."""
        self._buffer.clear()

    def _continue(self, data: bytes) -> bytes:
        """Return the bytes to split; none while a frame is unfinished."""
        if self._discard:
            rest = data[self._discard :]
            self._discard = max(0, self._discard - len(data))
            return rest
        self._buffer += data
        if len(self._buffer) < self._need:
            return b""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def _begin_head(self, part: bytes) -> None:
        if not MAGIC.startswith(part[:2]):
            # Report now: a short message of another protocol may never fill a head.
            self._fail(_format_error(part, VERSION))
            return
        # After one byte, wait for the other byte of the magic only.
        self._keep(part, HEAD_SIZE if len(part) > 1 else len(MAGIC))

    def _keep(self, part: bytes, need: int) -> None:
        """Buffer part of a frame until there are ``need`` bytes of it."""
        self._buffer += part
        self._need = need

    def _fail(self, error: ProtocolError) -> None:
        """Set the error, and discard everything that follows."""
        self.error = error
        self._discard = sys.maxsize

    def _error_in(
        self, head: bytes, version: int, proto_id: int, length: int
    ) -> ProtocolError | None:
        """Return the error in a head; None if its body is only to be discarded."""
        if not head.startswith(MAGIC) or version != VERSION:
            return _format_error(head, version)
        if length <= self._max_frame:
            return None
        allowed = max(self._limit(proto_id), self._max_frame)
        return ProtocolError(
            f"frame of proto {proto_id} announces {length} bytes, more than the {allowed} allowed"
        )


def _format_error(data: bytes, version: int) -> ProtocolError:
    if not data.startswith(MAGIC):
        return foreign_data(data, f"expected a frame, which begins with {MAGIC!r}")
    return ProtocolError(f"frame of protocol version {version}; this library speaks {VERSION}")
