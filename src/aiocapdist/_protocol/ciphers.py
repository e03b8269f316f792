"""Encryption of message bodies.

========== =================================================================================
none       bodies are sent as they are
RSA        handshake: pieces of 100 bytes, each PKCS #1 v1.5 into one block of the key's size
AES-CBC    everything else: the connection's key and iv, the same iv for each body, PKCS #7
FTAES-ECB  everything else, if chosen: ECB over the body padded with zeros to whole blocks, then
           16 bytes in clear, the last of which is the body's length modulo 16
========== =================================================================================

Whatever is wrong with an encrypted body, decrypting it raises :class:`DecryptionError` without a
reason: a difference between failures would tell an attacker something.

Bodies are not protected against being altered: the head's digest is of the clear body and needs
no key. Source: the vendor's protocol document; tested against the vendor's client.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from .._extras import needs_extra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_PIECE = 100  # bytes of clear text in one RSA block, whatever the size of the key
_BLOCK = 16
KEY_SIZE = 16

_Update: TypeAlias = Callable[[bytes], bytes]


class DecryptionError(Exception):
    """Raised when a body cannot be decrypted. Gives no reason, on purpose."""


class Algorithm(Enum):
    """The cipher that a client requests in its handshake (``packetEncAlgo``)."""

    CLEAR = -1
    FTAES_ECB = 0
    AES_CBC = 2


class Cipher(Protocol):
    """Encrypts and decrypts bodies."""

    def encrypt(self, body: bytes) -> bytes:
        """Return the body as sent on the wire."""
        ...

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return the clear body. Raises DecryptionError."""
        ...


class Clear:
    """No encryption."""

    def encrypt(self, body: bytes) -> bytes:
        return body

    def decrypt(self, encrypted: bytes) -> bytes:
        return encrypted


CLEAR = Clear()


class Rsa:
    """The cipher of the handshake. Both ends hold the same private key."""

    def __init__(self, key: RSAPrivateKey) -> None:
        with needs_extra("secure", "encryption"):
            from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        self._key = key
        self._public = key.public_key()
        self._padding = PKCS1v15()
        self._size = (key.key_size + 7) // 8  # a key's size need not be a multiple of 8 bits

    def encrypt(self, body: bytes) -> bytes:
        pieces = (body[i : i + _PIECE] for i in range(0, len(body), _PIECE))
        return b"".join(self._public.encrypt(piece, self._padding) for piece in pieces)

    def decrypt(self, encrypted: bytes) -> bytes:
        if len(encrypted) % self._size:
            raise DecryptionError
        blocks = (encrypted[i : i + self._size] for i in range(0, len(encrypted), self._size))
        try:
            return b"".join(self._key.decrypt(block, self._padding) for block in blocks)
        except ValueError:
            raise DecryptionError from None


class AesCbc:
    """AES-128 in CBC mode, with PKCS #7 padding.

    Each body begins with the iv, and making a context costs more than encrypting a body. So one
    context serves all: its chain goes on where the last body ended, and the first block of the
    next one is changed by the difference between that and the iv.
    """

    def __init__(self, key: bytes, iv: bytes) -> None:
        with needs_extra("secure", "encryption"):
            from cryptography.hazmat.primitives.ciphers import Cipher as AesCipher
            from cryptography.hazmat.primitives.ciphers.algorithms import AES
            from cryptography.hazmat.primitives.ciphers.modes import CBC
        self._cipher = AesCipher(AES(key), CBC(iv))
        self._iv = _number(iv)
        # Each context with that difference. None while in use: what is interrupted is made again.
        self._sending: tuple[_Update, int] | None = None
        self._receiving: tuple[_Update, int] | None = None

    def encrypt(self, body: bytes) -> bytes:
        update, difference = self._sending or (self._cipher.encryptor().update, 0)
        self._sending = None
        body += _PADDING[len(body) % _BLOCK]
        encrypted = update(_changed(body, difference))
        self._sending = update, self._iv ^ _number(encrypted[-_BLOCK:])
        return encrypted

    def decrypt(self, encrypted: bytes) -> bytes:
        if not encrypted or len(encrypted) % _BLOCK:
            raise DecryptionError
        update, difference = self._receiving or (self._cipher.decryptor().update, 0)
        self._receiving = None
        body = _changed(update(encrypted), difference)
        self._receiving = update, self._iv ^ _number(encrypted[-_BLOCK:])
        padding = body[-1]
        if not 1 <= padding <= _BLOCK or not body.endswith(_PADDING[-padding]):
            raise DecryptionError
        return body[:-padding]


_PADDING = [bytes([_BLOCK - rest]) * (_BLOCK - rest) for rest in range(_BLOCK)]
"""What is added to a body, by its length modulo 16."""


def _number(block: bytes) -> int:
    return int.from_bytes(block, "big")


def _changed(body: bytes, difference: int) -> bytes:
    """Return the body with this difference in its first block."""
    first = _number(body[:_BLOCK]) ^ difference
    return first.to_bytes(_BLOCK, "big") + body[_BLOCK:]


class FtAesEcb:
    """The vendor's own scheme: AES-128 in ECB mode, with a tail that holds the length."""

    def __init__(self, key: bytes) -> None:
        with needs_extra("secure", "encryption"):
            from cryptography.hazmat.primitives.ciphers import Cipher as AesCipher
            from cryptography.hazmat.primitives.ciphers.algorithms import AES
            from cryptography.hazmat.primitives.ciphers.modes import ECB
        cipher = AesCipher(AES(key), ECB())  # noqa: S305 - the vendor's choice
        # Blocks do not depend on one another: a context of each serves all bodies.
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encrypt(self, body: bytes) -> bytes:
        rest = len(body) % _BLOCK
        padded = body + bytes(_BLOCK - rest if rest else 0)
        return self._encrypt(padded) + bytes(_BLOCK - 1) + bytes([rest])

    def decrypt(self, encrypted: bytes) -> bytes:
        if not encrypted or len(encrypted) % _BLOCK:
            raise DecryptionError
        blocks, rest = encrypted[:-_BLOCK], encrypted[-1]
        if rest >= _BLOCK or (rest and not blocks):
            raise DecryptionError
        body = self._decrypt(blocks)
        return body[: len(body) - _BLOCK + rest] if rest else body


def session_cipher(algorithm: Algorithm, key: str | bytes, iv: str | bytes) -> Cipher:
    """Return the cipher for everything after the handshake. Raises ValueError on a wrong size."""
    key, iv = _raw(key), _raw(iv)
    if len(key) != KEY_SIZE or (algorithm is Algorithm.AES_CBC and len(iv) != _BLOCK):
        raise ValueError("a key or an iv of the wrong length")
    return AesCbc(key, iv) if algorithm is Algorithm.AES_CBC else FtAesEcb(key)


def _raw(text: str | bytes) -> bytes:
    """Return a string field as bytes. Protobuf's fast parser returns invalid UTF-8 as bytes."""
    return text.encode() if isinstance(text, str) else text
