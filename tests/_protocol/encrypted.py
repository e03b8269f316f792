"""OpenD's end of an encrypted connection, scripted."""

from __future__ import annotations

from typing import Any, NamedTuple

from aiocapdist._protocol.ciphers import CLEAR, AesCbc, Algorithm, Cipher, FtAesEcb, Rsa
from aiocapdist._protocol.frames import Frame, digest_of, encode_frame
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.state import State
from aiocapdist._protocol.tcp_codec import TcpCodec

from ..support.transports import rsa_key
from .peer import MAX_FRAME, frames_in, handshake_reply

AES_KEY, AES_IV = "0123456789abcdef", "fedcba9876543210"
CIPHERS: dict[Algorithm, Cipher] = {
    Algorithm.AES_CBC: AesCbc(AES_KEY.encode(), AES_IV.encode()),
    Algorithm.FTAES_ECB: FtAesEcb(AES_KEY.encode()),
}
WELCOME = handshake_reply(connAESKey=AES_KEY, aesCBCiv=AES_IV)


def sealed_frame(cipher: Cipher, proto_id: int, serial: int, body: bytes) -> bytes:
    """A frame as OpenD sends it: the body encrypted, the digest of the clear body."""
    return encode_frame(proto_id, serial, cipher.encrypt(body), digest_of(body))


class Encrypted(NamedTuple):
    """A session with encryption, and OpenD's ciphers."""

    session: Session[str]
    handshake_cipher: Cipher
    session_cipher: Cipher

    def sent(self, cipher: Cipher) -> list[tuple[Frame, bytes]]:
        """What the session has to send: each frame and its decrypted body."""
        frames = frames_in(b"".join(self.session.data_to_send()))
        return [(frame, cipher.decrypt(frame.body)) for frame in frames]


def handshaking(
    algorithm: Algorithm, *, key: bool = True, bits: int = 1024, client_id: str = "tests"
) -> Encrypted:
    """A session whose handshake is queued to be sent.

    Without ``key`` the handshake itself is in clear text, which saves the time of RSA in tests
    with many sessions. No options of ``connect`` do that.
    """
    rsa = rsa_key(bits) if key else None
    codec = TcpCodec(client_id=client_id, max_frame=MAX_FRAME, key=rsa, algorithm=algorithm)
    session: Session[str] = Session(codec, first_serial=0, request_timeout=10.0)
    session.start(0.0, 5.0)
    return Encrypted(session, CLEAR if rsa is None else Rsa(rsa), CIPHERS[algorithm])


def ready(algorithm: Algorithm, **options: Any) -> Encrypted:
    """A session whose handshake succeeded."""
    made = handshaking(algorithm, **options)
    made.session.data_to_send()
    made.session.receive_data(sealed_frame(made.handshake_cipher, 1001, 1, WELCOME), 0.0)
    assert made.session.state is State.READY
    return made
