"""How the simulator's doors are spoken at: bytes in, requests out; replies in, bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from google.protobuf.message import DecodeError

from .._pb import init_connect_pb2
from .._protocol import catalog
from .._protocol.ciphers import CLEAR, Algorithm, Cipher, Rsa, Unreadable, after_greeting
from .._protocol.frames import PROTOBUF, FrameDecoder, digest_of, encode_frame
from ._handlers import OK, Answer, Gateway
from .faults import Fault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

REQUEST_CAP = 65_536


class Asked(NamedTuple):
    """One request as it came. ``body`` is None where it is damaged, or cannot be opened."""

    proto_id: int
    serial: int
    body: bytes | None
    protobuf: bool = True


class Speech(Protocol):
    """One connection's way of saying things."""

    greeting: int
    """The proto id that lets a client in."""

    silence_ends: bool
    """Whether OpenD hangs up on a client that has said nothing for long."""

    @property
    def broken(self) -> bool:
        """Whether nothing more can be understood."""
        ...

    def feed(self, data: bytes) -> list[Asked]:
        """Take in bytes; return the requests they complete."""
        ...

    def own_words(self) -> bytes:
        """What the door itself has to send, unasked by any gateway."""
        ...

    def greet(self, body: bytes, conn_id: int) -> Answer:
        """The answer to a greeting."""
        ...

    def encode(self, proto_id: int, serial: int, answer: Answer) -> bytes:
        """The bytes of a reply or a push."""
        ...

    def let_in(self) -> None:
        """The reply to the greeting is encoded: what follows may be said otherwise."""
        ...

    def spoil(self, fault: Fault, data: bytes) -> bytes:
        """The bytes of a message as this fault leaves them; as they are where it cannot."""
        ...


class TcpSpeech:
    """Frames; sealed where OpenD has a key, and then never in the clear."""

    greeting = catalog.INIT_CONNECT
    silence_ends = True

    def __init__(self, gateway: Gateway, rsa_key: RSAPrivateKey | None, key: str, iv: str) -> None:
        self._gateway = gateway
        self._cipher: Cipher = CLEAR if rsa_key is None else Rsa(rsa_key)
        self._sealed = rsa_key is not None
        self._algorithm = Algorithm.CLEAR
        self._key = key
        self._iv = iv
        self._decoder = FrameDecoder(lambda proto_id: REQUEST_CAP)

    @property
    def broken(self) -> bool:
        return self._decoder.broken is not None

    def feed(self, data: bytes) -> list[Asked]:
        asked = []
        for frame in self._decoder.feed(data):
            body = self._open(frame.body, frame.digest)
            asked.append(Asked(frame.proto_id, frame.serial, body, frame.body_format == PROTOBUF))
        return asked

    def _open(self, sealed: bytes, digest: bytes) -> bytes | None:
        try:
            body = self._cipher.open(sealed)
        except Unreadable:
            return None
        return body if digest_of(body) == digest else None

    def own_words(self) -> bytes:
        return b""

    def greet(self, body: bytes, conn_id: int) -> Answer:
        try:
            request = init_connect_pb2.Request.FromString(body)
        except DecodeError:
            return self._gateway.invalid()
        if not request.IsInitialized():
            return self._gateway.invalid()
        if self._sealed:
            # Without a key, OpenD ignores what is asked for and answers in the clear.
            try:
                self._algorithm = Algorithm(request.c2s.packetEncAlgo)
            except ValueError:
                return self._gateway.invalid()
        s2c = self._gateway.introduction(conn_id)
        s2c.connAESKey = self._key
        if self._algorithm is not Algorithm.FTAES_ECB:
            s2c.aesCBCiv = self._iv
        response = init_connect_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Answer(response.SerializeToString(), "answered")

    def encode(self, proto_id: int, serial: int, answer: Answer) -> bytes:
        body = answer.body
        return encode_frame(proto_id, serial, self._cipher.seal(body), digest_of(body))

    def spoil(self, fault: Fault, data: bytes) -> bytes:
        if fault is Fault.BAD_DIGEST:
            return data[:16] + bytes(byte ^ 0xFF for byte in data[16:36]) + data[36:]
        if fault is Fault.BAD_MAGIC:
            return b"XX" + data[2:]
        if fault is Fault.OVER_LONG:
            return data[:12] + b"\xff\xff\xff\xff" + data[16:]
        return data

    def let_in(self) -> None:
        if self._algorithm is not Algorithm.CLEAR:
            self._cipher = after_greeting(self._algorithm, self._key, self._iv)
        elif self._sealed:
            self._cipher = CLEAR  # the client asked for no encryption after the greeting
