"""OpenD's end of a sealed connection over a socket: honest, until a test says otherwise."""

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
from .doors import rsa_key, rsa_pem
from .misbehaving import Peer, Server, welcome

ALGORITHMS = {"aes-cbc": Algorithm.AES_CBC, "ftaes-ecb": Algorithm.FTAES_ECB}

SAME_KEY = (
    "check that OpenD has the same RSA key as rsa_key, and that this is its API port, "
    "not its WebSocket port"
)


class SealedPeer(Peer):
    """A connection that was let in with the usual key."""

    def __init__(self, stream: ByteStream, cipher: str) -> None:
        super().__init__(stream)
        self.came: list[Frame] = []
        self._greets = Rsa(rsa_key())
        self._after = CIPHERS[ALGORITHMS[cipher]]

    async def let_in(self) -> None:
        """Read the greeting, and answer it."""
        greeting = await self.next()
        assert digest_of(self._greets.decrypt(greeting.body)) == greeting.digest
        await self.send(sealed_frame(self._greets, 1001, greeting.serial, WELCOME))

    async def all_that_came(self) -> list[Frame]:
        """Every byte until the client hangs up, as the frames that they make.

        Without what was read before, but with a greeting that was answered in the clear.
        """
        try:
            while True:
                self.came.append(await self.next())
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            assert self._decoder.error is None
            assert self._decoder.pending == 0
            return self.came

    async def question(self) -> tuple[Frame, bytes]:
        """The next request: as it came, and opened."""
        frame = await self.next()
        body = self._after.decrypt(frame.body)
        assert digest_of(body) == frame.digest
        return frame, body

    async def answer(
        self, to: Frame, message: Message, alter: Callable[[bytes], bytes] = bytes
    ) -> None:
        """Answer a request; ``alter`` makes another sealed body of the sealed body."""
        body = message.SerializeToString()
        sealed = alter(self._after.encrypt(body))
        await self.send(encode_frame(to.proto_id, to.serial, sealed, digest_of(body)))


class SealedServer(Server):
    """Lets clients in with the usual key, except the connections in ``clear``.

    Those it answers in the clear, as an OpenD does that has no key, or someone on the way.
    """

    def __init__(self, cipher: str, *, clear: Collection[int] = ()) -> None:
        super().__init__()
        self._cipher = cipher
        self._clear = clear

    def connect(self, **options: Any) -> Connecting:
        return super().connect(**{"rsa_key": rsa_pem(), "cipher": self._cipher, **options})

    async def accept(self) -> SealedPeer:
        peer = await super().accept()
        assert isinstance(peer, SealedPeer)
        return peer

    async def _talk(self, stream: ByteStream) -> None:
        self._count += 1
        peer = SealedPeer(stream, self._cipher)
        try:
            if self._count in self._clear:
                greeting = await peer.next()
                peer.came.append(greeting)
                await peer.reply(greeting, welcome(self._count))
            else:
                await peer.let_in()
            self._arrive.send_nowait(peer)
            await anyio.sleep_forever()
        finally:
            await anyio.aclose_forcefully(stream)
