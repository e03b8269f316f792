"""The TCP door: frames, digests, sealing and the InitConnect hand-shake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._pb import init_connect_pb2
from ..errors import ProtocolError
from . import catalog
from .ciphers import CLEAR, Algorithm, Cipher, DecryptionError, Rsa, session_cipher
from .codec import DEFAULT_KEEP_ALIVE, PROGRAMMING_LANGUAGE, HandshakeResult, InvalidMessage
from .decoders import error_from_response, parse_response
from .frames import PROTOBUF, Frame, FrameDecoder, digest_of, encode_frame

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CLIENT_VERSION = 1011  # the OpenD whose messages ours were written after: 10.11


class TcpCodec(FrameDecoder):
    """OpenD's TCP door: in the clear, or sealed where ``key`` is given; then never in the clear."""

    def __init__(
        self,
        *,
        client_id: str,
        max_frame: int,
        key: RSAPrivateKey | None = None,
        algorithm: Algorithm = Algorithm.CLEAR,
    ) -> None:
        super().__init__(catalog.BodyLimits(max_frame).__getitem__)
        self._client_id = client_id
        self._algorithm = algorithm
        self._sealed = algorithm is not Algorithm.CLEAR
        # The greeting's; what OpenD tells in its reply makes the one for all that follows.
        self._cipher: Cipher = CLEAR if key is None else Rsa(key)

    def encode_handshake(self) -> tuple[int, bytes]:
        c2s = init_connect_pb2.C2S(
            clientVer=CLIENT_VERSION,
            clientID=self._client_id,
            recvNotify=True,
            packetEncAlgo=self._algorithm.value,
            pushProtoFmt=PROTOBUF,
            programmingLanguage=PROGRAMMING_LANGUAGE,
        )
        request = init_connect_pb2.Request(c2s=c2s)
        return catalog.INIT_CONNECT, request.SerializeToString()

    def decode_handshake(self, body: bytes) -> HandshakeResult:
        response = parse_response(init_connect_pb2.Response, body)
        if response.retType != 0:
            raise error_from_response(response.retType, response.retMsg, response.errCode)
        if not response.HasField("s2c"):
            raise ProtocolError("OpenD let us in, but told nothing of the connection")
        s2c = response.s2c
        if self._sealed:
            try:
                self._cipher = session_cipher(self._algorithm, s2c.connAESKey, s2c.aesCBCiv)
            except ValueError:
                raise ProtocolError("OpenD told no usable key for this connection") from None
        interval = s2c.keepAliveInterval
        return HandshakeResult(
            conn_id=s2c.connID,
            server_version=s2c.serverVer,
            login_user_id=s2c.loginUserID,
            keep_alive_interval=float(interval) if interval > 0 else DEFAULT_KEEP_ALIVE,
        )

    def encode(self, proto_id: int, serial: int, body: bytes) -> bytes:
        if not self._sealed:
            return encode_frame(proto_id, serial, body)
        return encode_frame(proto_id, serial, self._cipher.encrypt(body), digest_of(body))

    def decode(self, message: Frame) -> bytes:
        if self._sealed:
            return _as_protobuf(message, self._unseal(message))
        body = message.body
        if digest_of(body) != message.digest:
            raise _spoilt(message, "the digest does not match the body")
        return body if message.body_format == PROTOBUF else _as_protobuf(message, body)

    def _unseal(self, message: Frame) -> bytes:
        """Any failure is the same one and ends the connection: it is no oracle."""
        try:
            body = self._cipher.decrypt(message.body)
            if digest_of(body) != message.digest:
                raise DecryptionError
        except DecryptionError:
            if message.proto_id == catalog.INIT_CONNECT and _in_the_clear(message):
                raise ProtocolError(
                    "OpenD answered in the clear, although encryption was asked for"
                ) from None
            raise ProtocolError("a message could not be decrypted") from None
        return body


def _as_protobuf(message: Frame, body: bytes) -> bytes:
    if message.body_format != PROTOBUF:
        raise _spoilt(message, f"body format {message.body_format}, expected protobuf")
    return body


def _spoilt(message: Frame, reason: str) -> InvalidMessage:
    return InvalidMessage(ProtocolError(f"reply {message.proto_id}: {reason}"))


def _in_the_clear(message: Frame) -> bool:
    return digest_of(message.body) == message.digest
