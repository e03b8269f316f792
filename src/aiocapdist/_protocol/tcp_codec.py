"""The codec of OpenD's TCP protocol: frames, digests, encryption, the InitConnect handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._pb import init_connect_pb2
from ..errors import ProtocolError
from . import catalog
from .ciphers import CLEAR, Algorithm, Cipher, DecryptionError, Rsa, session_cipher
from .codec import (
    PROGRAMMING_LANGUAGE,
    HandshakeResult,
    InvalidMessage,
    ReplyTooLong,
    bounded_keep_alive,
)
from .frames import PROTOBUF, Frame, FrameDecoder, digest_of, encode_frame
from .response import SUCCESS, error_from_response, parse_response

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CLIENT_VERSION = 1011  # the version of OpenD that our messages were written for: 10.11


class TcpCodec(FrameDecoder):
    """Encodes and decodes TCP messages: encrypted if ``key`` is given, and then never in clear."""

    def __init__(
        self,
        *,
        client_id: str,
        max_frame: int,
        key: RSAPrivateKey | None = None,
        algorithm: Algorithm = Algorithm.CLEAR,
    ) -> None:
        super().__init__(catalog.BodyLimits(max_frame).__getitem__, max_frame)
        self._client_id = client_id
        self._algorithm = algorithm
        self._encrypted = algorithm is not Algorithm.CLEAR
        # For the handshake; its reply has the key for everything after.
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
        if response.retType != SUCCESS:
            raise error_from_response(response.retType, response.retMsg, response.errCode)
        if not response.HasField("s2c"):
            raise ProtocolError("OpenD accepted the handshake but sent no connection data")
        s2c = response.s2c
        if self._encrypted:
            try:
                self._cipher = session_cipher(self._algorithm, s2c.connAESKey, s2c.aesCBCiv)
            except ValueError:
                raise ProtocolError("OpenD sent no usable key for this connection") from None
        return HandshakeResult(
            conn_id=s2c.connID,
            server_version=s2c.serverVer,
            login_user_id=s2c.loginUserID,
            keep_alive_interval=bounded_keep_alive(s2c.keepAliveInterval),
        )

    def encode(self, proto_id: int, serial: int, body: bytes) -> bytes:
        if not self._encrypted:
            return encode_frame(proto_id, serial, body)
        return encode_frame(proto_id, serial, self._cipher.encrypt(body), digest_of(body))

    def decode(self, message: Frame) -> bytes:
        if self._encrypted:
            return _require_protobuf(message, self._decrypt(message))
        body = message.body
        if digest_of(body) != message.digest:
            self._check_length(message)
            raise _invalid(message, "the digest does not match the body")
        return body if message.body_format == PROTOBUF else _require_protobuf(message, body)

    def _decrypt(self, message: Frame) -> bytes:
        self._check_length(message)
        # One error for whatever is wrong, and it ends the connection: an attacker learns nothing.
        try:
            body = self._cipher.decrypt(message.body)
            if digest_of(body) != message.digest:
                raise DecryptionError
        except DecryptionError:
            if message.proto_id == catalog.INIT_CONNECT and _is_clear(message):
                raise ProtocolError(
                    "OpenD answered in the clear, although encryption was requested"
                ) from None
            raise ProtocolError("a message could not be decrypted") from None
        return body

    def _check_length(self, message: Frame) -> None:
        if message.discarded:
            limit = self._limit(message.proto_id)
            raise InvalidMessage(ReplyTooLong(message.proto_id, message.discarded, limit))


def _require_protobuf(message: Frame, body: bytes) -> bytes:
    if message.body_format != PROTOBUF:
        raise _invalid(message, f"body format {message.body_format}, expected protobuf")
    return body


def _invalid(message: Frame, reason: str) -> InvalidMessage:
    return InvalidMessage(ProtocolError(f"reply {message.proto_id}: {reason}"))


def _is_clear(message: Frame) -> bool:
    return digest_of(message.body) == message.digest
