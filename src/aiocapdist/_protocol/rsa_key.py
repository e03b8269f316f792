"""Parse the RSA private key that OpenD and its clients share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .._extras import needs_extra
from ..errors import InvalidKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MIN_BITS = 1024  # what OpenD's documents ask for
_PUBLISHED = frozenset(
    # SHA-256 of the public key in SPKI form. The private key is part of the vendor's SDK.
    {"ee952e758563222c89140dbd99441a9f84feb1305fdc829aa57a7e2cd5b25eb1"}
)


def parse_rsa_key(pem: bytes) -> RSAPrivateKey:
    """Parse a private key in PEM form. Raises InvalidKey, whose reason says what the text is."""
    with needs_extra("secure", "encryption"):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    # No message holds any of the text, and no library error is chained.
    if b"-----BEGIN " not in pem:
        raise InvalidKey("it is not in PEM form (no line '-----BEGIN RSA PRIVATE KEY-----')")
    if b"PRIVATE KEY-----" not in pem:
        raise InvalidKey("it holds no private key, but a public key or a certificate")
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise InvalidKey("it is encrypted with a password; OpenD uses keys without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey("its PEM text is damaged or of an unknown kind") from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidKey("it is a private key, but not an RSA key")
    if key.key_size < MIN_BITS:
        raise InvalidKey(f"it has {key.key_size} bits; at least {MIN_BITS} are needed")
    return key


def is_published(key: RSAPrivateKey) -> bool:
    """True if this is the key that the vendor publishes in its SDK."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest() in _PUBLISHED
