"""The FT frame of OpenD's TCP door: 44 little-endian bytes of head, then the body.

===== ===== ============ ====================================================
start size  field        value
===== ===== ============ ====================================================
0     2     magic        ``FT``
2     4     proto id     which call or push
6     1     body format  0 protobuf, 1 JSON
7     1     version      0
8     4     serial       chosen by the client, echoed in the reply
12    4     length       of the body as sent, after encryption
16    20    digest       SHA-1 of the body in the clear
36    8     reserved     zeros
===== ===== ============ ====================================================

What can be wrong with a frame, and what follows:

- a wrong magic, a version other than 0, a length over the cap: where the next frame
  begins can no longer be known. The decoder hands out the frames before the fault,
  then stays :attr:`FrameDecoder.broken`; the connection must be closed.
- a wrong digest, a body format other than protobuf: the length still frames it, so
  only this one frame is spoilt. The decoder passes both on for the session to judge,
  since the digest is of a body that may still be sealed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha1
from typing import NamedTuple

from ..errors import ProtocolError

MAGIC = b"FT"
VERSION = 0
PROTOBUF = 0
_HEAD = struct.Struct("<2sIBBII20s8x")
HEAD_SIZE = _HEAD.size

# Not for security: without saying so, SHA-1 is refused on machines in FIPS mode. Copied for
# each body: making one anew costs twice as much.
_EMPTY = sha1(usedforsecurity=False)


def digest_of(body: bytes) -> bytes:
    """The 20 bytes that the head carries for this clear body."""
    digest = _EMPTY.copy()
    digest.update(body)
    return digest.digest()


class Frame(NamedTuple):
    """One frame as it came; ``body`` may be sealed, ``digest`` is of the clear body."""

    proto_id: int
    serial: int
    body_format: int
    digest: bytes
    body: bytes


def encode_frame(proto_id: int, serial: int, body: bytes, digest: bytes | None = None) -> bytes:
    """Bytes of one frame. Give ``digest`` where ``body`` is sealed: it is of the clear body."""
    if digest is None:
        digest = digest_of(body)
    return _HEAD.pack(MAGIC, proto_id, PROTOBUF, VERSION, serial, len(body), digest) + body


class FrameDecoder:
    """Cuts a byte stream into frames, however the stream is chunked.

    ``cap`` tells the longest body allowed for a proto id; a longer one is refused when
    its head is read, before anything is set aside for it.
    """

    def __init__(self, cap: Callable[[int], int]) -> None:
        self.broken: ProtocolError | None = None
        self._cap = cap
        self._rest = bytearray()
        self._need = 0

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Frame]:
        """Take in bytes and return the frames they complete. Look at ``broken`` after."""
        if self.broken is not None:
            return []
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        frames: list[Frame] = []
        start = self._cut(data, frames)
        if self.broken is None and start < len(data):
            self._rest += data[start:]
        return frames

    def _cut(self, data: bytes, frames: list[Frame]) -> int:
        """Append all whole frames of ``data``; return where the unfinished one begins."""
        start, size = 0, len(data)
        cap, unpack = self._cap, _HEAD.unpack_from
        while (left := size - start) >= HEAD_SIZE:
            magic, proto_id, body_format, version, serial, length, digest = unpack(data, start)
            if magic != MAGIC or version != VERSION or length > cap(proto_id):
                self.broken = self._fault(magic, version, proto_id, length)
                return start
            begin = start + HEAD_SIZE
            end = begin + length
            if end > size:
                self._need = end - start
                return start
            # Half the cost of calling the class, for each frame that comes.
            frame = (proto_id, serial, body_format, digest, data[begin:end])
            frames.append(tuple.__new__(Frame, frame))
            start = end
        if left and not MAGIC.startswith(data[start : start + 2]):
            # Another protocol's short greeting never fills a head: tell it now.
            self.broken = self._fault(data[start : start + 2], VERSION, 0, 0)
        # One byte is half a magic: wait for no more than the other half to judge it.
        self._need = HEAD_SIZE if left > 1 else len(MAGIC)
        return start

    def _fault(self, magic: bytes, version: int, proto_id: int, length: int) -> ProtocolError:
        if magic != MAGIC:
            return ProtocolError(
                f"the peer does not speak OpenD's protocol: a frame begins with {magic!r}, "
                f"expected {MAGIC!r}"
            )
        if version != VERSION:
            return ProtocolError(
                f"frame of protocol version {version}; this library speaks {VERSION}"
            )
        return ProtocolError(
            f"frame of proto {proto_id} announces {length} bytes, "
            f"more than the {self._cap(proto_id)} allowed"
        )
