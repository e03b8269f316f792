"""The RSA private key that OpenD and its clients share: from PEM to something that seals."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .._extras import needs_extra
from ..errors import InvalidKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SMALLEST = 1024  # bits: what OpenD's own documents ask for
_PUBLISHED = frozenset(
    # Of the public half, in SPKI form. The private half is in the vendor's SDK for all to read.
    {"ee952e758563222c89140dbd99441a9f84feb1305fdc829aa57a7e2cd5b25eb1"}
)


def parse_rsa_key(pem: bytes) -> RSAPrivateKey:
    """The key in a PEM text; raises InvalidKey, which tells what it is instead."""
    with needs_extra("secure", "encryption"):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    # The text itself is in no message, and what the library says is chained to none.
    if b"-----BEGIN " not in pem:
        raise InvalidKey("it is not in PEM form (no line '-----BEGIN RSA PRIVATE KEY-----')")
    if b"PRIVATE KEY-----" not in pem:
        raise InvalidKey("it holds no private key; a public key or a certificate will not do")
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise InvalidKey("it is locked with a password; OpenD uses keys without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey("its PEM text is damaged, or of a kind that is not known") from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidKey("it is a private key, but not an RSA key")
    if key.key_size < SMALLEST:
        raise InvalidKey(f"it has {key.key_size} bits, and {SMALLEST} are the least")
    return key


def is_published(key: RSAPrivateKey) -> bool:
    """Whether everybody has this key, since the vendor ships it with its SDK."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest() in _PUBLISHED
