"""The codec of OpenD's TCP protocol: frames, digests, encryption, the InitConnect handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ProtocolError
from . import catalog
from .ciphers import CLEAR, Algorithm, Cipher, DecryptionError, Rsa, session_cipher
from .codec import HandshakeResult, InvalidMessage, ReplyTooLong, bounded_keep_alive
from .frames import PROTOBUF, Frame, FrameDecoder, digest_of, encode_frame
from .init_connect import decode_init_connect, encode_init_connect

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


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
        return catalog.INIT_CONNECT, encode_init_connect(self._client_id, self._algorithm)

    def decode_handshake(self, body: bytes) -> HandshakeResult:
        reply = decode_init_connect(body)
        if self._encrypted:
            try:
                self._cipher = session_cipher(self._algorithm, reply.key, reply.iv)
            except ValueError:
                raise ProtocolError("OpenD sent no usable key for this connection") from None
        return HandshakeResult(
            conn_id=reply.conn_id,
            server_version=reply.server_version,
            login_user_id=reply.login_user_id,
            keep_alive_interval=bounded_keep_alive(reply.keep_alive_interval),
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
