"""Sentinel keys, every way of writing them, and a search for them in all that a user can see."""

from __future__ import annotations

import base64
import hashlib
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache

import pytest

from aiocapdist import AiocapdistError
from aiocapdist.simulator import Simulator
from aiocapdist.simulator._tcp_codec import TcpCodec

from .._protocol.encrypted import AES_IV, AES_KEY
from .transports import rsa_key, rsa_pem

AES_SENTINEL = "SENTINEL-AES-KEY"
IV_SENTINEL = "SENTINEL--AES-IV"
WS_SENTINEL = "sentinel websocket key"
WS_MD5 = hashlib.md5(WS_SENTINEL.encode(), usedforsecurity=False)


def encodings(secret: bytes) -> Iterator[str]:
    """Return every way in which these bytes may be written."""
    yield secret.decode(errors="replace")
    yield secret.hex()
    yield secret.hex().upper()
    yield secret.hex(" ")
    yield repr(secret)[2:-1]
    # In base64, a text within another one looks different at each of three offsets.
    for shift in range(3):
        yield base64.b64encode(bytes(shift) + secret).decode()[4 * (shift > 0) : -4]


@cache
def secrets() -> dict[str, str]:
    """Return every way of writing every secret, each with the secret's name."""
    found: dict[str, str] = {}
    texts = {"AES key": AES_SENTINEL, "iv": IV_SENTINEL, "ws key": WS_SENTINEL}
    for name, text in {**texts, "other AES key": AES_KEY, "other iv": AES_IV}.items():
        found |= dict.fromkeys(encodings(text.encode()), name)
    found |= dict.fromkeys(encodings(WS_MD5.digest()), "ws key's MD5")
    found |= dict.fromkeys(encodings(WS_MD5.hexdigest().encode()), "ws key's MD5 in hex")
    for number in (0, 1):
        for line in rsa_pem(number=number).decode().splitlines()[1:-1]:
            found |= dict.fromkeys((line, line.encode().hex()), "RSA key's text")
        numbers = rsa_key(number=number).private_numbers()
        for value in (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp):
            found |= dict.fromkeys((str(value), f"{value:x}", f"{value:X}"), "RSA key's numbers")
    return found


def secrets_in(text: str) -> set[str]:
    """Return the names of the secrets that can be read in the text."""
    return {name for encoding, name in secrets().items() if encoding in text}


def use_sentinel_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let simulators give out sentinel AES keys, and clients reconnect soon."""
    monkeypatch.setattr(
        Simulator,
        "_tcp_codec",
        lambda self: TcpCodec(self._handler, self._rsa_key, AES_SENTINEL, IV_SENTINEL),
    )
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.01)


class Observer:
    """Records all that can be seen of a client: values, errors, logs."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.errors: list[BaseException] = []
        self._seen: list[str] = []
        self._caplog = caplog

    def record(self, *things: object) -> None:
        """Record how these are printed."""
        self._seen.extend(f"{thing!r} {thing}" for thing in things)

    @asynccontextmanager
    async def expect(self, kind: type[BaseException]) -> AsyncIterator[None]:
        """Expect this error in the block, and record it."""
        with pytest.raises(kind) as caught:
            yield
        self.errors.append(caught.value)

    def assert_no_secret_shown(self) -> None:
        """Check that no secret can be read in anything recorded or logged."""
        texts = [*self._seen, *self._of_logs()]
        for error in self.errors:
            texts.extend(_of_error(error))
        assert texts
        assert {text: names for text in texts if (names := secrets_in(text))} == {}

    def _of_logs(self) -> Iterator[str]:
        formatter = logging.Formatter()
        for record in self._caplog.records:
            yield f"{formatter.format(record)} {record.args!r} {vars(record)!r}"


def _of_error(error: BaseException | None) -> Iterator[str]:
    if error is None:
        return
    yield f"{error} {error!r} {error.args!r} {vars(error)!r}"
    yield "".join(traceback.format_exception(error))
    if isinstance(error, AiocapdistError):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            yield pickle.dumps(error, protocol).decode("latin-1")
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
    yield from _of_error(error.__cause__)
    if not error.__suppress_context__:
        yield from _of_error(error.__context__)
