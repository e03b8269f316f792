"""How bodies are sealed on the wire: bytes to bytes, both ways.

========== =============================================================================
clear      as they are
RSA        the hand-shake: 100-byte pieces, each PKCS #1 v1.5 into one block of key size
AES-CBC    all else: the connection's key and iv, the same iv for each body, PKCS #7
FTAES-ECB  all else, by choice: ECB over the body filled up with zeros to whole blocks,
           then 16 bytes in the clear, of which the last is the length's rest (0: whole)
========== =============================================================================

Whatever is wrong with a sealed body, opening it raises :class:`DecryptionError`, which says
nothing: what differs between one failure and another would tell an attacker something.

None of this keeps bodies from being altered: the head's digest is of the clear body and
needs no key. Source: the vendor's protocol document; tried against the vendor's client.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from .._extras import needs_extra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_PIECE = 100  # bytes of clear text in one RSA block, whatever the key's size
_BLOCK = 16
KEY_SIZE = 16


class DecryptionError(Exception):
    """A sealed body cannot be opened. Says no more, on purpose."""


class Algorithm(Enum):
    """Which cipher a client asks for in its greeting (``packetEncAlgo``)."""

    CLEAR = -1
    FTAES_ECB = 0
    AES_CBC = 2


class Cipher(Protocol):
    """Seals what is sent and opens what comes."""

    def encrypt(self, body: bytes) -> bytes:
        """The body as it goes on the wire."""
        ...

    def decrypt(self, sealed: bytes) -> bytes:
        """The clear body of what came from the wire; raises DecryptionError."""
        ...


class Clear:
    """No encryption: bodies travel as they are."""

    def encrypt(self, body: bytes) -> bytes:
        return body

    def decrypt(self, sealed: bytes) -> bytes:
        return sealed


CLEAR = Clear()


class Rsa:
    """The hand-shake's cipher. Both ends hold the same private key."""

    def __init__(self, key: RSAPrivateKey) -> None:
        with needs_extra("secure", "encryption"):
            from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        self._key = key
        self._public = key.public_key()
        self._padding = PKCS1v15()
        self._size = (key.key_size + 7) // 8  # a key need not have whole bytes

    def encrypt(self, body: bytes) -> bytes:
        pieces = (body[i : i + _PIECE] for i in range(0, len(body), _PIECE))
        return b"".join(self._public.encrypt(piece, self._padding) for piece in pieces)

    def decrypt(self, sealed: bytes) -> bytes:
        if len(sealed) % self._size:
            raise DecryptionError
        blocks = (sealed[i : i + self._size] for i in range(0, len(sealed), self._size))
        try:
            return b"".join(self._key.decrypt(block, self._padding) for block in blocks)
        except ValueError:
            raise DecryptionError from None


class AesCbc:
    """AES-128 in CBC mode, with PKCS #7 padding."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        with needs_extra("secure", "encryption"):
            from cryptography.hazmat.primitives.ciphers import Cipher as Machine
            from cryptography.hazmat.primitives.ciphers.algorithms import AES
            from cryptography.hazmat.primitives.ciphers.modes import CBC
        self._machine = Machine(AES(key), CBC(iv))

    def encrypt(self, body: bytes) -> bytes:
        fill = _BLOCK - len(body) % _BLOCK
        encryptor = self._machine.encryptor()
        return encryptor.update(body + bytes([fill]) * fill) + encryptor.finalize()

    def decrypt(self, sealed: bytes) -> bytes:
        if not sealed or len(sealed) % _BLOCK:
            raise DecryptionError
        decryptor = self._machine.decryptor()
        body = decryptor.update(sealed) + decryptor.finalize()
        fill = body[-1]
        if not 1 <= fill <= _BLOCK or not body.endswith(bytes([fill]) * fill):
            raise DecryptionError
        return body[:-fill]


class FtAesEcb:
    """The vendor's own: AES-128 in ECB mode, with a tail that tells the length."""

    def __init__(self, key: bytes) -> None:
        with needs_extra("secure", "encryption"):
            from cryptography.hazmat.primitives.ciphers import Cipher as Machine
            from cryptography.hazmat.primitives.ciphers.algorithms import AES
            from cryptography.hazmat.primitives.ciphers.modes import ECB
        self._machine = Machine(AES(key), ECB())  # noqa: S305 - theirs, not our choice

    def encrypt(self, body: bytes) -> bytes:
        rest = len(body) % _BLOCK
        filled = body + bytes(_BLOCK - rest if rest else 0)
        encryptor = self._machine.encryptor()
        tail = bytes(_BLOCK - 1) + bytes([rest])
        return encryptor.update(filled) + encryptor.finalize() + tail

    def decrypt(self, sealed: bytes) -> bytes:
        if not sealed or len(sealed) % _BLOCK:
            raise DecryptionError
        blocks, rest = sealed[:-_BLOCK], sealed[-1]
        if rest >= _BLOCK or (rest and not blocks):
            raise DecryptionError
        decryptor = self._machine.decryptor()
        body = decryptor.update(blocks) + decryptor.finalize()
        return body[: len(body) - _BLOCK + rest] if rest else body


def session_cipher(algorithm: Algorithm, key: str | bytes, iv: str | bytes) -> Cipher:
    """The cipher for all that follows the greeting; ValueError where it cannot be made."""
    secret, start = _raw(key), _raw(iv)
    if len(secret) != KEY_SIZE or (algorithm is Algorithm.AES_CBC and len(start) != _BLOCK):
        raise ValueError("a key or an iv of the wrong length")
    return AesCbc(secret, start) if algorithm is Algorithm.AES_CBC else FtAesEcb(secret)


def _raw(text: str | bytes) -> bytes:
    """A string field: protobuf's fast decoder hands out one that is no UTF-8 as bytes."""
    return text.encode() if isinstance(text, str) else text
