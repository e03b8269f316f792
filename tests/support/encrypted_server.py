"""OpenD's end of an encrypted connection over a socket: correct, until a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import anyio
from anyio.abc import ByteStream
from google.protobuf.message import Message

from aiocapdist._client.connect import Connecting
from aiocapdist._protocol.ciphers import Algorithm, Rsa
from aiocapdist._protocol.frames import Frame, digest_of, encode_frame

from .._protocol.encrypted import CIPHERS, WELCOME, sealed_frame
from .scripted_server import Peer, ScriptedServer, init_reply
from .transports import rsa_key, rsa_pem

ALGORITHMS = {"aes-cbc": Algorithm.AES_CBC, "ftaes-ecb": Algorithm.FTAES_ECB}

KEY_HINT = (
    "check that OpenD has the same RSA key as rsa_key, and that this is its API port, "
    "not its WebSocket port"
)


class EncryptedPeer(Peer):
    """The server's end of a connection that uses the usual key."""

    def __init__(self, stream: ByteStream, cipher: str) -> None:
        super().__init__(stream)
        self.received: list[Frame] = []
        self._rsa = Rsa(rsa_key())
        self._cipher = CIPHERS[ALGORITHMS[cipher]]

    async def complete_handshake(self) -> None:
        """Read InitConnect, and accept the client."""
        request = await self.next()
        assert digest_of(self._rsa.decrypt(request.body)) == request.digest
        await self.send(sealed_frame(self._rsa, 1001, request.serial, WELCOME))

    async def remaining_frames(self) -> list[Frame]:
        """Read until the client hangs up, and return all that came as frames.

        Frames that were read before are left out, except an InitConnect that was answered
        without encryption.
        """
        try:
            while True:
                self.received.append(await self.next())
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            assert self._decoder.error is None
            assert self._decoder.pending == 0
            return self.received

    async def next_request(self) -> tuple[Frame, bytes]:
        """Return the next request as it came, and its decrypted body."""
        frame = await self.next()
        body = self._cipher.decrypt(frame.body)
        assert digest_of(body) == frame.digest
        return frame, body

    async def encrypted_reply(
        self, to: Frame, message: Message, alter: Callable[[bytes], bytes] = bytes
    ) -> None:
        """Answer a request; ``alter`` changes the encrypted body."""
        body = message.SerializeToString()
        altered = alter(self._cipher.encrypt(body))
        await self.send(encode_frame(to.proto_id, to.serial, altered, digest_of(body)))


class EncryptedServer(ScriptedServer):
    """Accepts clients with the usual key, except the connections numbered in ``clear``.

    Those are answered without encryption, as an OpenD without a key answers, or an attacker.
    """

    def __init__(self, cipher: str, *, clear: Collection[int] = ()) -> None:
        super().__init__()
        self._cipher = cipher
        self._clear = clear

    def connect(self, **options: Any) -> Connecting:
        """Call ``aiocapdist.connect`` to this server, with its key."""
        return super().connect(**{"rsa_key": rsa_pem(), "cipher": self._cipher, **options})

    async def accept(self) -> EncryptedPeer:
        """Return the next connection, after its handshake."""
        peer = await super().accept()
        assert isinstance(peer, EncryptedPeer)
        return peer

    async def _talk(self, stream: ByteStream) -> None:
        self._count += 1
        peer = EncryptedPeer(stream, self._cipher)
        try:
            if self._count in self._clear:
                request = await peer.next()
                peer.received.append(request)
                await peer.reply(request, init_reply(self._count))
            else:
                await peer.complete_handshake()
            self._accept.send_nowait(peer)
            await anyio.sleep_forever()
        finally:
            await anyio.aclose_forcefully(stream)
