"""OpenD's TCP transport: frames, encrypted if OpenD has a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from .._pb import init_connect_pb2
from .._protocol import catalog
from .._protocol.ciphers import CLEAR, Algorithm, Cipher, DecryptionError, Rsa, session_cipher
from .._protocol.frames import PROTOBUF, FrameDecoder, digest_of, encode_frame
from ._codec import MAX_REQUEST_BODY, Request
from ._handlers import OK, Reply, RequestHandler
from .faults import Fault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class TcpCodec:
    """The codec of the TCP transport. See :class:`~aiocapdist.simulator._codec.Codec`.

    With an RSA key, the handshake must be encrypted with it; what follows is encrypted
    with the session key, or not at all, as the client asks in its handshake.
    """

    handshake_id = catalog.INIT_CONNECT
    closes_idle = True

    def __init__(
        self, handler: RequestHandler, rsa_key: RSAPrivateKey | None, key: str, iv: str
    ) -> None:
        self._handler = handler
        self._cipher: Cipher = CLEAR if rsa_key is None else Rsa(rsa_key)
        self._encrypted = rsa_key is not None
        self._algorithm = Algorithm.CLEAR
        self._key = key
        self._iv = iv
        self._decoder = FrameDecoder(lambda proto_id: MAX_REQUEST_BODY)

    @property
    def broken(self) -> bool:
        return self._decoder.error is not None

    def receive_data(self, data: bytes) -> list[Request]:
        requests = []
        for frame in self._decoder.feed(data):
            body = self._decrypt(frame.body, frame.digest)
            is_protobuf = frame.body_format == PROTOBUF
            requests.append(Request(frame.proto_id, frame.serial, body, is_protobuf))
        return requests

    def data_to_send(self) -> bytes:
        return b""

    def handle_handshake(self, body: bytes, conn_id: int) -> Reply:
        try:
            request = init_connect_pb2.Request.FromString(body)
        except DecodeError:
            return self._handler.invalid()
        if not request.IsInitialized():
            return self._handler.invalid()
        if self._encrypted:
            # Without a key, OpenD ignores the algorithm asked for and replies in the clear.
            try:
                self._algorithm = Algorithm(request.c2s.packetEncAlgo)
            except ValueError:
                return self._handler.invalid()
        s2c = self._handler.init_connect(conn_id)
        s2c.connAESKey = self._key
        if self._algorithm is not Algorithm.FTAES_ECB:
            s2c.aesCBCiv = self._iv
        response = init_connect_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Reply(response.SerializeToString(), "answered")

    def handshake_completed(self) -> None:
        if self._algorithm is not Algorithm.CLEAR:
            self._cipher = session_cipher(self._algorithm, self._key, self._iv)
        elif self._encrypted:
            self._cipher = CLEAR  # the client asked for no encryption after the handshake

    def encode(self, proto_id: int, serial: int, reply: Reply) -> bytes:
        body = reply.body
        return encode_frame(proto_id, serial, self._cipher.encrypt(body), digest_of(body))

    def corrupt(self, fault: Fault, data: bytes) -> bytes:
        if fault is Fault.BAD_DIGEST:
            return data[:16] + bytes(byte ^ 0xFF for byte in data[16:36]) + data[36:]
        if fault is Fault.BAD_MAGIC:
            return b"XX" + data[2:]
        if fault is Fault.OVER_LONG:
            return data[:12] + b"\xff\xff\xff\xff" + data[16:]
        return data

    def _decrypt(self, data: bytes, digest: bytes) -> bytes | None:
        try:
            body = self._cipher.decrypt(data)
        except DecryptionError:
            return None
        return body if digest_of(body) == digest else None
