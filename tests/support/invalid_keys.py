"""Files that hold no RSA private key, or none that OpenD can use, and what is said of each."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from .transports import certificate_authority, rsa_key, rsa_pem

PASSWORD = b"sentinel password"


def pkcs8_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def locked(form: PrivateFormat) -> bytes:
    return rsa_key().private_bytes(Encoding.PEM, form, BestAvailableEncryption(PASSWORD))


def public(form: PublicFormat) -> bytes:
    return rsa_key().public_key().public_bytes(Encoding.PEM, form)


@cache
def small() -> bytes:
    """Return a key of 512 bits, built from its primes: no library generates one any more."""
    p = 2**255 + 2**254 + 79
    q = p + 2**200
    while not _is_prime(p):
        p += 2
    while not _is_prime(q):
        q += 2
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        *(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p)), rsa.RSAPublicNumbers(65537, p * q)
    )
    return numbers.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )


def _is_prime(n: int) -> bool:
    return n % 65537 != 1 and all(pow(a, n - 1, n) == 1 for a in (2, 3, 5, 7, 11))


def certificate() -> bytes:
    return certificate_authority().cert_pem.bytes()


NOT_PEM = "it is not in PEM form (no line '-----BEGIN RSA PRIVATE KEY-----')"
NOT_PRIVATE = "it holds no private key, but a public key or a certificate"
LOCKED = "it is encrypted with a password; OpenD uses keys without one"
DAMAGED = "its PEM text is damaged or of an unknown kind"
NOT_RSA = "it is a private key, but not an RSA key"

INVALID_KEYS = [
    pytest.param(lambda: b"", NOT_PEM, id="nothing"),
    pytest.param(lambda: b"\x30\x82\x02\x5d" + bytes(range(256)) * 2, NOT_PEM, id="DER"),
    pytest.param(lambda: b"".join(rsa_pem().splitlines()[1:-1]), NOT_PEM, id="base64 alone"),
    pytest.param(lambda: public(PublicFormat.SubjectPublicKeyInfo), NOT_PRIVATE, id="public key"),
    pytest.param(lambda: public(PublicFormat.PKCS1), NOT_PRIVATE, id="public key, PKCS #1"),
    pytest.param(certificate, NOT_PRIVATE, id="certificate"),
    pytest.param(lambda: locked(PrivateFormat.TraditionalOpenSSL), LOCKED, id="locked, PKCS #1"),
    pytest.param(lambda: locked(PrivateFormat.PKCS8), LOCKED, id="locked, PKCS #8"),
    pytest.param(lambda: rsa_pem()[:300], DAMAGED, id="cut off"),
    pytest.param(lambda: rsa_pem().replace(b"MII", b"AAA", 1), DAMAGED, id="altered"),
    pytest.param(lambda: rsa_pem().replace(b"\nMII", b"\n!II", 1), DAMAGED, id="no base64"),
    pytest.param(
        lambda: rsa_key().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        DAMAGED,
        id="OpenSSH's own form",
    ),
    pytest.param(lambda: pkcs8_pem(ec.generate_private_key(ec.SECP256R1())), NOT_RSA, id="EC"),
    pytest.param(lambda: pkcs8_pem(ed25519.Ed25519PrivateKey.generate()), NOT_RSA, id="Ed25519"),
    pytest.param(small, "it has 512 bits; at least 1024 are needed", id="512 bits"),
]
