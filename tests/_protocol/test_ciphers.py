"""The ciphers: against published vectors, both ways, and with invalid input."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from aiocapdist._protocol.ciphers import (
    CLEAR,
    AesCbc,
    Algorithm,
    Cipher,
    DecryptionError,
    FtAesEcb,
    Rsa,
    session_cipher,
)

from ..support.transports import rsa_key

# NIST SP 800-38A, appendix F: one key and text for all modes of AES-128.
KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
IV = bytes(range(16))
TEXT = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
CBC = bytes.fromhex(
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
)
ECB = bytes.fromhex(
    "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
    "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"
)
AES = [
    pytest.param(AesCbc(KEY, IV), id="aes-cbc"),
    pytest.param(FtAesEcb(KEY), id="ftaes-ecb"),
]


def test_cbc_matches_the_published_vectors_and_pads_whole_blocks_with_a_block() -> None:
    sealed = AesCbc(KEY, IV).encrypt(TEXT)
    assert sealed[:64] == CBC
    assert len(sealed) == 80
    assert AesCbc(KEY, CBC[-16:]).decrypt(sealed[64:]) == b"", "the last block is padding alone"


def test_ftaes_matches_the_published_ecb_vectors_plus_a_tail_with_the_length() -> None:
    cipher = FtAesEcb(KEY)
    assert cipher.encrypt(TEXT) == ECB + bytes(16)
    for length in range(49, 64):
        sealed = cipher.encrypt(TEXT[:length])
        assert sealed[:48] == ECB[:48]
        assert len(sealed) == 64 + 16
        assert sealed[64:] == bytes(15) + bytes([length - 48])


def test_ftaes_pads_with_zeros() -> None:
    cipher = FtAesEcb(KEY)
    whole = cipher.encrypt(b"abc" + bytes(13))
    assert cipher.encrypt(b"abc") == whole[:16] + bytes(15) + b"\x03"


@pytest.mark.parametrize("cipher", AES)
def test_a_body_of_any_length_is_decrypted(cipher: Cipher) -> None:
    for length in range(200):
        body = (TEXT * 4)[:length]
        assert cipher.decrypt(cipher.encrypt(body)) == body


@pytest.mark.parametrize("cipher", AES)
def test_a_body_may_end_in_bytes_that_look_like_padding(cipher: Cipher) -> None:
    for end in (b"\x01", b"\x02\x02", b"\0", bytes(16), b"\x10" * 16, b"\x10" * 32):
        for body in (end, b"x" * 7 + end):
            assert cipher.decrypt(cipher.encrypt(body)) == body


def test_each_message_starts_from_the_iv() -> None:
    cipher = AesCbc(KEY, IV)
    assert cipher.encrypt(TEXT) == cipher.encrypt(TEXT)
    first, second = cipher.encrypt(b"first"), cipher.encrypt(b"second")
    assert (cipher.decrypt(second), cipher.decrypt(first)) == (b"second", b"first")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("make", [partial(AesCbc, KEY, IV), partial(FtAesEcb, KEY)])
def test_what_came_before_changes_nothing(make: Callable[[], Cipher], seed: int) -> None:
    """Contexts are kept from one body to the next; a new cipher has none."""
    drawn, cipher = random.Random(seed), make()
    for _ in range(50):
        body = drawn.randbytes(drawn.choice([0, 1, 15, 16, 17, 31, 32, 100]))
        sealed = make().encrypt(body)
        match drawn.randrange(3):
            case 0:
                assert cipher.encrypt(body) == sealed
            case 1:
                assert cipher.decrypt(sealed) == body
            case 2:  # wrong padding, more often than not
                noise = drawn.randbytes(16 * drawn.randrange(1, 4))
                assert outcome(cipher, noise) == outcome(make(), noise)


def outcome(cipher: Cipher, encrypted: bytes) -> bytes | None:
    try:
        return cipher.decrypt(encrypted)
    except DecryptionError:
        return None


@pytest.mark.parametrize("cipher", AES)
def test_an_exception_in_the_middle_leaves_it_as_new(cipher: Cipher) -> None:
    sealed = cipher.encrypt(b"first")
    cipher.decrypt(sealed)
    for deed in (cipher.encrypt, cipher.decrypt):
        with pytest.raises(TypeError):
            deed("x" * 16)  # type: ignore[arg-type]
        assert cipher.encrypt(b"first") == sealed
        assert cipher.decrypt(sealed) == b"first"


def test_without_encryption_bodies_are_not_changed() -> None:
    assert CLEAR.decrypt(CLEAR.encrypt(TEXT)) is TEXT


@pytest.mark.parametrize("bits", [1024, 1025, 2048, 3072, 4096])
def test_rsa_encrypts_pieces_of_100_bytes_into_one_block_each(bits: int) -> None:
    key = rsa_key(bits)
    cipher, size = Rsa(key), (bits + 7) // 8
    for length in (1, 99, 100, 101, 200, 201, 250):
        body = (TEXT * 4)[:length]
        sealed = cipher.encrypt(body)
        blocks = [sealed[i : i + size] for i in range(0, len(sealed), size)]
        pieces = [key.decrypt(block, PKCS1v15()) for block in blocks]
        assert pieces == [body[i : i + 100] for i in range(0, length, 100)]
        assert cipher.decrypt(sealed) == body
    assert cipher.encrypt(b"") == b""
    assert cipher.decrypt(b"") == b""


def test_rsa_encrypts_the_same_body_differently_each_time() -> None:
    cipher = Rsa(rsa_key())
    assert len({cipher.encrypt(b"hello") for _ in range(5)}) == 5


# Bodies that cannot be decrypted


def assert_says_nothing(error: DecryptionError) -> None:
    assert error.args == ()
    assert str(error) == ""
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


@pytest.mark.parametrize("cipher", AES)
def test_bodies_that_are_not_whole_blocks_cannot_be_decrypted(cipher: Cipher) -> None:
    sealed = cipher.encrypt(TEXT)
    for length in set(range(len(sealed))) - set(range(16, len(sealed), 16)):
        with pytest.raises(DecryptionError) as caught:
            cipher.decrypt(sealed[:length])
        assert_says_nothing(caught.value)


@pytest.mark.parametrize("last", [b"\0", b"\x11", b"\xff", b"\x01\x02", b"\x02\x03\x03"])
def test_a_body_with_wrong_padding_cannot_be_decrypted(last: bytes) -> None:
    """Made by a cipher without padding, so that the last block can be chosen."""
    block = b"x" * (16 - len(last)) + last
    before = AesCbc(KEY, IV).encrypt(bytes(16))[:16]
    forged = AesCbc(KEY, before).encrypt(block)[:16]
    with pytest.raises(DecryptionError) as caught:
        AesCbc(KEY, IV).decrypt(before + forged)
    assert_says_nothing(caught.value)


def test_a_tail_with_an_impossible_length_cannot_be_decrypted() -> None:
    cipher = FtAesEcb(KEY)
    blocks = cipher.encrypt(TEXT[:16])[:16]
    for last in range(16, 256):
        with pytest.raises(DecryptionError):
            cipher.decrypt(blocks + bytes(15) + bytes([last]))
    for last in range(1, 16):
        with pytest.raises(DecryptionError):
            cipher.decrypt(bytes(15) + bytes([last]))


def test_invalid_rsa_blocks_cannot_be_decrypted() -> None:
    cipher = Rsa(rsa_key())
    sealed = cipher.encrypt(TEXT)
    for bad in (sealed[:-1], sealed + b"\0", sealed[:1], b"\xff" * 128, sealed + b"\xff" * 128):
        with pytest.raises(DecryptionError) as caught:
            cipher.decrypt(bad)
        assert_says_nothing(caught.value)


@pytest.mark.parametrize("bits", [1024, 2048])
def test_another_key_decrypts_nothing(bits: int) -> None:
    """Some libraries return random bytes then, on purpose: the digest differs."""
    sealed = Rsa(rsa_key(1024)).encrypt(TEXT)
    try:
        opened = Rsa(rsa_key(bits, number=1)).decrypt(sealed)
    except DecryptionError:
        return
    assert opened != TEXT


# The session's cipher


def test_the_requested_algorithm_decides_the_cipher() -> None:
    key, iv = "0123456789abcdef", "fedcba9876543210"
    cbc = session_cipher(Algorithm.AES_CBC, key, iv)
    assert cbc.encrypt(b"x") == AesCbc(key.encode(), iv.encode()).encrypt(b"x")
    ecb = session_cipher(Algorithm.FTAES_ECB, key, "")
    assert ecb.encrypt(b"x") == FtAesEcb(key.encode()).encrypt(b"x")


SECRET = "sentinel-secret"
UMLAUTS = "ä" * 16


@pytest.mark.parametrize(
    ("algorithm", "key", "iv"),
    [
        (Algorithm.AES_CBC, "", "i" * 16),
        (Algorithm.AES_CBC, SECRET, "i" * 16),
        (Algorithm.AES_CBC, SECRET + "xx", "i" * 16),
        (Algorithm.AES_CBC, SECRET + "x", ""),
        (Algorithm.AES_CBC, SECRET + "x", "i" * 15),
        (Algorithm.AES_CBC, SECRET + "x", "i" * 17),
        (Algorithm.AES_CBC, UMLAUTS, "i" * 16),
        (Algorithm.FTAES_ECB, "", "i" * 16),
        (Algorithm.FTAES_ECB, SECRET, "i" * 16),
        (Algorithm.FTAES_ECB, SECRET * 2, ""),
    ],
)
def test_invalid_session_keys_are_rejected_without_showing_them(
    algorithm: Algorithm, key: str, iv: str
) -> None:
    with pytest.raises(ValueError, match="wrong length") as caught:
        session_cipher(algorithm, key, iv)
    assert SECRET not in str(caught.value)
