"""An encrypted TCP client with its own ciphers, so that a bug in the library's is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from anyio.abc import ByteStream
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.padding import PKCS7
from google.protobuf.message import Message

from aiocapdist._pb import init_connect_pb2
from aiocapdist.simulator import Simulator

from ..support.transports import rsa_key
from .raw import HEAD, RawClient, Reply, frame

AES_CBC, FTAES_ECB, NO_ENCRYPTION = 2, 0, -1


class RawCipher(NamedTuple):
    """Both directions of one cipher."""

    seal: Callable[[bytes], bytes]
    open: Callable[[bytes], bytes]


def rsa(number: int = 0) -> RawCipher:
    key = rsa_key(number=number)

    def seal(body: bytes) -> bytes:
        pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
        return b"".join(key.public_key().encrypt(piece, PKCS1v15()) for piece in pieces)

    def unseal(sealed: bytes) -> bytes:
        blocks = [sealed[at : at + 128] for at in range(0, len(sealed), 128)]
        return b"".join(key.decrypt(block, PKCS1v15()) for block in blocks)

    return RawCipher(seal, unseal)


def cbc(key: str, iv: str) -> RawCipher:
    machine = Cipher(AES(key.encode()), CBC(iv.encode()))

    def seal(body: bytes) -> bytes:
        padder, encryptor = PKCS7(128).padder(), machine.encryptor()
        return encryptor.update(padder.update(body) + padder.finalize()) + encryptor.finalize()

    def unseal(sealed: bytes) -> bytes:
        unpadder, decryptor = PKCS7(128).unpadder(), machine.decryptor()
        return unpadder.update(decryptor.update(sealed)) + unpadder.finalize()

    return RawCipher(seal, unseal)


def ftaes(key: str) -> RawCipher:
    machine = Cipher(AES(key.encode()), ECB())

    def seal(body: bytes) -> bytes:
        filled = body.ljust(-(-len(body) // 16) * 16, b"\0")
        return machine.encryptor().update(filled) + bytes(15) + bytes([len(body) % 16])

    def unseal(sealed: bytes) -> bytes:
        body = machine.decryptor().update(sealed[:-16])
        return body[: len(body) - (16 - sealed[-1]) % 16] if sealed[-1] else body

    return RawCipher(seal, unseal)


CLEAR = RawCipher(bytes, bytes)


class RawEncryptedClient(RawClient):
    """Encrypts with ``cipher``, which a test may replace at any time."""

    def __init__(self, stream: ByteStream) -> None:
        super().__init__(stream)
        self.cipher = rsa()

    async def send_message(self, proto_id: int, serial: int, body: bytes) -> None:
        digest = hashlib.sha1(body).digest()
        await self.send(frame(proto_id, serial, self.cipher.seal(body), digest=digest))

    async def receive(self) -> Reply:
        *_, proto_id, body_format, version, serial, length, digest, reserved = HEAD.unpack(
            await self._read_exactly(HEAD.size)
        )
        body = self.cipher.open(await self._read_exactly(length))
        assert (body_format, version, reserved) == (0, 0, bytes(8))
        assert digest == hashlib.sha1(body).digest()
        return Reply(proto_id, serial, body)

    async def ask(self, proto_id: int, serial: int, message: Message | bytes) -> Reply:
        body = message if isinstance(message, bytes) else message.SerializeToString()
        await self.send_message(proto_id, serial, body)
        reply = await self.receive()
        assert (reply.proto_id, reply.serial) == (proto_id, serial)
        return reply

    async def handshake(self, algorithm: int) -> init_connect_pb2.S2C:
        """Complete the handshake, then use the algorithm asked for."""
        reply = await self.ask(1001, 1, handshake_request(algorithm))
        assert reply.refusal[0] == 0
        told = init_connect_pb2.Response.FromString(reply.body).s2c
        if algorithm == AES_CBC:
            self.cipher = cbc(told.connAESKey, told.aesCBCiv)
        else:
            self.cipher = ftaes(told.connAESKey) if algorithm == FTAES_ECB else CLEAR
        return told


def handshake_request(algorithm: int) -> Message:
    c2s = init_connect_pb2.C2S(clientVer=1011, clientID="raw", packetEncAlgo=algorithm)
    return init_connect_pb2.Request(c2s=c2s)


@asynccontextmanager
async def encrypted_client(opend: Simulator) -> AsyncIterator[RawEncryptedClient]:
    """A connection to the simulator, before its handshake."""
    async with await opend.memory.open() as stream:
        yield RawEncryptedClient(stream)
