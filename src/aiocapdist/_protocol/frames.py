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
  then stays :attr:`FrameDecoder.error`; the connection must be closed.
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
_unpack_head = _HEAD.unpack_from

# Not for security: without saying so, SHA-1 is refused on machines in FIPS mode. Copied for
# each body: making one anew costs more.
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
        self.error: ProtocolError | None = None
        self._cap = cap
        self._rest = bytearray()
        self._need = 0

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Frame]:
        """Take in bytes and return the frames they complete. Look at ``error`` after."""
        if self._rest or self.error is not None:
            data = self._with_rest(data)
        frames: list[Frame] = []
        start, size = 0, len(data)
        while size - start >= HEAD_SIZE:
            head = _unpack_head(data, start)
            magic, proto_id, body_format, version, serial, length, digest = head
            if magic != MAGIC or version != VERSION or length > self._cap(proto_id):
                self.error = self._fault(magic, version, proto_id, length)
                return frames
            begin = start + HEAD_SIZE
            end = begin + length
            if end > size:
                self._keep(data[start:], end - start)
                return frames
            # Half the cost of calling the class, for each frame that comes.
            frame = (proto_id, serial, body_format, digest, data[begin:end])
            frames.append(tuple.__new__(Frame, frame))
            start = end
        if start < size:
            self._begin_head(data[start:])
        return frames

    def _with_rest(self, data: bytes) -> bytes:
        """What there is to cut: nothing until the unfinished frame may be whole."""
        if self.error is not None:
            return b""
        self._rest += data
        if len(self._rest) < self._need:
            return b""
        data = bytes(self._rest)
        self._rest.clear()
        return data

    def _begin_head(self, part: bytes) -> None:
        if not MAGIC.startswith(part[:2]):
            # Another protocol's short greeting never fills a head: tell it now.
            self.error = self._fault(part[:2], VERSION, 0, 0)
            return
        # One byte is half a magic: wait for no more than the other half to judge it.
        self._keep(part, HEAD_SIZE if len(part) > 1 else len(MAGIC))

    def _keep(self, part: bytes, need: int) -> None:
        """Part of a frame: to be looked at again when there are ``need`` bytes of it."""
        self._rest += part
        self._need = need

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
