"""Sentinel keys, every way of writing them, and someone who looks for them everywhere."""

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

from .._protocol.encrypted import AES_IV, AES_KEY
from .doors import rsa_key, rsa_pem

AES_SENTINEL = "SENTINEL-AES-KEY"
IV_SENTINEL = "SENTINEL--AES-IV"
WS_SENTINEL = "sentinel websocket key"
WS_MD5 = hashlib.md5(WS_SENTINEL.encode(), usedforsecurity=False)


def forms(secret: bytes) -> Iterator[str]:
    """How these bytes may be written."""
    yield secret.decode(errors="replace")
    yield secret.hex()
    yield secret.hex().upper()
    yield secret.hex(" ")
    yield repr(secret)[2:-1]
    # In base64, a text within another one looks different at each of three places.
    for shift in range(3):
        yield base64.b64encode(bytes(shift) + secret).decode()[4 * (shift > 0) : -4]


@cache
def secrets() -> dict[str, str]:
    """Every way of writing every secret, and whose it is."""
    found = {}
    texts = {"AES key": AES_SENTINEL, "iv": IV_SENTINEL, "ws key": WS_SENTINEL}
    for name, text in {**texts, "other AES key": AES_KEY, "other iv": AES_IV}.items():
        found |= dict.fromkeys(forms(text.encode()), name)
    found |= dict.fromkeys(forms(WS_MD5.digest()), "ws key's MD5")
    found |= dict.fromkeys(forms(WS_MD5.hexdigest().encode()), "ws key's MD5 in hex")
    for number in (0, 1):
        for line in rsa_pem(number=number).decode().splitlines()[1:-1]:
            found |= dict.fromkeys((line, line.encode().hex()), "RSA key's text")
        numbers = rsa_key(number=number).private_numbers()
        for value in (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp):
            found |= dict.fromkeys((str(value), f"{value:x}", f"{value:X}"), "RSA key's numbers")
    return found


def shown_in(text: str) -> set[str]:
    """Whose secrets can be read there."""
    return {name for form, name in secrets().items() if form in text}


class Witness:
    """Takes down all that can be seen of a client's life."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.errors: list[BaseException] = []
        self._seen: list[str] = []
        self._caplog = caplog

    def see(self, *things: object) -> None:
        self._seen.extend(f"{thing!r} {thing}" for thing in things)

    @asynccontextmanager
    async def expect(self, kind: type[BaseException]) -> AsyncIterator[None]:
        with pytest.raises(kind) as caught:
            yield
        self.errors.append(caught.value)

    def assert_nothing_shown(self) -> None:
        texts = [*self._seen, *self._of_logs()]
        for error in self.errors:
            texts.extend(_of_error(error))
        assert texts
        assert {text: names for text in texts if (names := shown_in(text))} == {}

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
