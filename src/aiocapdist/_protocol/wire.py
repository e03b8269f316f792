"""The TCP door: frames, digests, sealing and the InitConnect hand-shake."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from .._pb import init_connect_pb2
from ..errors import ProtocolError
from . import catalog
from .ciphers import CLEAR, Cipher
from .frames import PROTOBUF, Frame, FrameDecoder, digest_of, encode_frame
from .replies import parse, refusal

CLIENT_VERSION = 1011  # the OpenD whose messages ours were written after: 10.11
_NO_ENCRYPTION = -1
DEFAULT_KEEP_ALIVE = 10.0  # seconds, where OpenD tells none


class Welcome(NamedTuple):
    """What OpenD says of itself and of this connection when it lets a client in."""

    conn_id: int
    server_version: int
    login_user_id: int
    keep_alive_interval: float


class Spoilt(ProtocolError):
    """One message cannot be used; those after it can."""


class Wire(Protocol):
    """One door's way of saying things. A session holds one, used for one connection."""

    @property
    def broken(self) -> ProtocolError | None:
        """Why nothing more can be read from this stream, if so."""
        ...

    def greeting(self) -> tuple[int, bytes]:
        """The proto id and the clear body of the first message."""
        ...

    def welcome(self, body: bytes) -> Welcome:
        """Read the reply to the greeting; raise OpenDError or ProtocolError."""
        ...

    def encode(self, proto_id: int, serial: int, body: bytes) -> bytes:
        """The bytes that carry this clear body."""
        ...

    def feed(self, data: bytes) -> list[Frame]:
        """Take in bytes; return the frames they complete."""
        ...

    def open(self, frame: Frame) -> bytes:
        """The clear body; raise Spoilt where only this message is unusable."""
        ...


class TcpWire:
    """OpenD's TCP door in the clear."""

    def __init__(self, *, client_id: str, max_frame: int, cipher: Cipher = CLEAR) -> None:
        self._client_id = client_id
        self._cipher = cipher
        self._decoder = FrameDecoder(lambda proto_id: catalog.body_cap(proto_id, max_frame))
        self.feed = self._decoder.feed

    @property
    def broken(self) -> ProtocolError | None:
        return self._decoder.broken

    def greeting(self) -> tuple[int, bytes]:
        c2s = init_connect_pb2.C2S(
            clientVer=CLIENT_VERSION,
            clientID=self._client_id,
            recvNotify=True,
            packetEncAlgo=_NO_ENCRYPTION,
            pushProtoFmt=PROTOBUF,
            programmingLanguage="Python",
        )
        request = init_connect_pb2.Request(c2s=c2s)
        return catalog.INIT_CONNECT, request.SerializeToString()

    def welcome(self, body: bytes) -> Welcome:
        response = parse(init_connect_pb2.Response, body)
        if response.retType != 0:
            raise refusal(response.retType, response.retMsg, response.errCode)
        s2c = response.s2c
        interval = s2c.keepAliveInterval
        return Welcome(
            conn_id=s2c.connID,
            server_version=s2c.serverVer,
            login_user_id=s2c.loginUserID,
            keep_alive_interval=float(interval) if interval > 0 else DEFAULT_KEEP_ALIVE,
        )

    def encode(self, proto_id: int, serial: int, body: bytes) -> bytes:
        return encode_frame(proto_id, serial, self._cipher.seal(body), digest_of(body))

    def open(self, frame: Frame) -> bytes:
        body = self._cipher.open(frame.body)
        if digest_of(body) != frame.digest:
            raise Spoilt(f"reply {frame.proto_id}: the digest does not match the body")
        if frame.body_format != PROTOBUF:
            raise Spoilt(
                f"reply {frame.proto_id}: body format {frame.body_format}, expected protobuf"
            )
        return body
