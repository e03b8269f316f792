"""Parsing PEM texts, and errors for those that hold no usable key."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from aiocapdist import InvalidKey
from aiocapdist._protocol.rsa_key import is_published, parse_rsa_key

from ..support.invalid_keys import INVALID_KEYS, pkcs8_pem
from ..support.transports import rsa_key, rsa_pem


@pytest.mark.parametrize("bits", [1024, 1025, 2048, 3072, 4096])
def test_a_key_of_1024_bits_or_more_is_accepted(bits: int) -> None:
    assert parse_rsa_key(rsa_pem(bits)).private_numbers() == rsa_key(bits).private_numbers()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(lambda: pkcs8_pem(rsa_key()), id="PKCS #8"),
        pytest.param(lambda: rsa_pem().replace(b"\n", b"\r\n"), id="lines as on Windows"),
        pytest.param(lambda: b"My key:\n\n" + rsa_pem() + b"\n\n", id="words around it"),
    ],
)
def test_the_same_key_in_other_pem_forms_is_accepted(text: object) -> None:
    assert callable(text)
    assert parse_rsa_key(text()).private_numbers() == rsa_key().private_numbers()


@pytest.mark.parametrize(("text", "reason"), INVALID_KEYS)
def test_an_unusable_key_is_described_and_never_shown(text: object, reason: str) -> None:
    assert callable(text)
    content: bytes = text()
    with pytest.raises(InvalidKey) as caught:
        parse_rsa_key(content)
    error = caught.value
    assert error.reason == reason
    assert str(error) == (
        f"unusable rsa_key: {reason}; expected the RSA private key of OpenD's settings, in PEM "
        "form without a password"
    )
    assert isinstance(error, ValueError)
    # What the library said could quote the text: it hangs on to nothing of it.
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


def test_the_published_key_of_the_vendor_is_recognised() -> None:
    spec = importlib.util.find_spec("futu")
    if spec is None or spec.origin is None:
        pytest.skip("futu-api is not installed, which holds that key: pip install futu-api")
    published = Path(spec.origin).parent / "common" / "conn_key.txt"
    assert is_published(parse_rsa_key(published.read_bytes()))
    assert not is_published(rsa_key())
