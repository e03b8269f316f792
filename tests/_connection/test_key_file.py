"""``rsa_key``: files and bytes, errors for unusable keys, and warnings."""

from __future__ import annotations

import errno
import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import InvalidKey
from aiocapdist._connection.key_file import load_key
from aiocapdist.simulator import Simulator

from ..support.invalid_keys import INVALID_KEYS, PASSWORD
from ..support.transports import rsa_key, rsa_pem

LEAST_SHOWN = 12
"""Characters of a key's text that an error must not show in a row."""


def key_file(folder: Path, content: bytes | None = None, mode: int = 0o600) -> Path:
    path = folder / "key.pem"
    path.write_bytes(rsa_pem() if content is None else content)
    path.chmod(mode)
    return path


def shows(error: BaseException, content: bytes) -> bool:
    """True if any piece of the text is in the error or in its causes."""
    seen = f"{error} {error!r} {vars(error)} {error.__cause__!r}"
    text = content.decode(errors="replace")
    at = range(max(1, len(text) - LEAST_SHOWN))
    pieces = {text[i : i + LEAST_SHOWN] for i in at}
    # The line that the message names as expected.
    pieces -= {piece for piece in pieces if piece in "-----BEGIN RSA PRIVATE KEY-----"}
    return any(piece in seen for piece in pieces if piece.strip())


# Usable keys


@pytest.mark.anyio
@pytest.mark.parametrize(
    "form", [str, Path, lambda path: path.read_bytes()], ids=["text", "Path", "bytes"]
)
async def test_a_key_is_a_path_or_its_bytes_for_client_and_simulator(
    tmp_path: Path, form: Any
) -> None:
    key = form(key_file(tmp_path))
    with anyio.fail_after(5):
        async with Simulator(rsa_key=key) as opend:
            async with aiocapdist.connect(port=opend.port, rsa_key=key) as client:
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"


def test_a_key_file_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "密钥 of mine, -----.txt"
    path.write_bytes(rsa_pem())
    path.chmod(0o600)
    assert load_key(str(path)).private_numbers() == rsa_key().private_numbers()


# Unusable keys


async def refused(key: Any) -> InvalidKey:
    """Return the error of ``connect``. Nothing listens at its address."""
    with pytest.raises(InvalidKey) as caught:
        async with aiocapdist.connect("192.0.2.1", rsa_key=key):
            raise AssertionError("there is no such key")
    error = caught.value
    assert isinstance(error, ValueError)
    assert str(error).startswith("unusable rsa_key: ")
    assert str(error).endswith(
        "; expected the RSA private key of OpenD's settings, in PEM form without a password"
    )
    return error


@pytest.mark.anyio
@pytest.mark.parametrize(("text", "reason"), INVALID_KEYS)
async def test_an_unusable_key_is_described_with_its_file_and_never_shown(
    tmp_path: Path, text: Any, reason: str, anyio_backend_name: str
) -> None:
    content = text()
    path = key_file(tmp_path, content)
    with anyio.fail_after(5):
        in_file = await refused(path)
        at_hand = await refused(content)
    assert in_file.reason == f"the file {path} holds no usable key: {reason}"
    assert at_hand.reason == reason
    for error in (in_file, at_hand):
        assert not shows(error, content)
        assert not shows(error, PASSWORD)


def no_such_file(folder: Path) -> Path:
    return folder / "key.pem"


def a_folder(folder: Path) -> Path:
    return folder


def a_loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


def below_a_file(folder: Path) -> Path:
    return key_file(folder) / "key.pem"


@pytest.mark.anyio
@pytest.mark.skipif(os.name == "nt", reason="Windows has its own words for these")
@pytest.mark.parametrize(
    ("make", "number"),
    [
        (no_such_file, errno.ENOENT),
        (a_folder, errno.EISDIR),
        (a_loop, errno.ELOOP),
        (below_a_file, errno.ENOTDIR),
    ],
)
async def test_an_unreadable_file_is_reported(tmp_path: Path, make: Any, number: int) -> None:
    path = make(tmp_path)
    with anyio.fail_after(5):
        error = await refused(path)
    assert error.reason == f"the file {path} cannot be read: {os.strerror(number)}"


@pytest.mark.anyio
async def test_a_file_without_permission_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = key_file(tmp_path, mode=0o000)
    if os.access(path, os.R_OK):  # root reads everything: have the system refuse it all the same

        def refuse(self: Path) -> bytes:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

        monkeypatch.setattr(Path, "read_bytes", refuse)
    with anyio.fail_after(5):
        error = await refused(str(path))
    assert error.reason == f"the file {path} cannot be read: {os.strerror(errno.EACCES)}"


NO_PATH = "the text given is not a path; pass the key itself as bytes"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "dress",
    [
        lambda pem: pem,
        lambda pem: pem.replace("\n", "\\n"),  # as from a variable of the environment
        lambda pem: pem.replace("\n", " "),
        lambda pem: "\n".join(pem.splitlines()[1:-1]),
        lambda pem: "".join(pem.splitlines()[1:-1]),
        lambda pem: f"./{''.join(pem.splitlines()[1:-1])}",
        lambda pem: "x\0y",
    ],
    ids=["as it is", "escaped", "on one line", "base64", "base64 on one line", "path-like", "NUL"],
)
async def test_a_key_given_as_a_string_is_rejected_and_never_shown(dress: Any) -> None:
    pem = rsa_pem().decode()
    with anyio.fail_after(5):
        error = await refused(dress(pem))
    assert error.reason == NO_PATH or error.reason.startswith(
        "the file with a very long name cannot be read: "
    )
    for line in pem.splitlines()[1:-1]:
        assert not shows(error, line.encode())


# Warnings


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.records if record.name == "aiocapdist"]
    return [record.message for record in records if record.levelno >= logging.WARNING]


@pytest.mark.skipif(os.name == "nt", reason="no such modes there")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o444])
def test_a_file_that_others_can_read_is_a_warning(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = key_file(tmp_path, mode=mode)
    load_key(path)
    assert warnings_of(caplog) == [
        f"the RSA key file {path} can be read by others; try: chmod 600 {path}"
    ]


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o611])
def test_a_private_file_or_bytes_are_no_warning(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    if sys.platform == "win32":
        pytest.skip("no such modes there")
    load_key(key_file(tmp_path, mode=mode))
    load_key(rsa_pem())
    assert warnings_of(caplog) == []


@pytest.mark.anyio
async def test_the_published_key_of_the_vendor_works_with_a_warning(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    spec = importlib.util.find_spec("futu")
    if spec is None or spec.origin is None:
        pytest.skip("futu-api is not installed, which holds that key: pip install futu-api")
    pem = (Path(spec.origin).parent / "common" / "conn_key.txt").read_bytes()
    with anyio.fail_after(5):
        async with Simulator(rsa_key=pem) as opend:
            caplog.clear()
            async with aiocapdist.connect(
                port=opend.port, rsa_key=key_file(tmp_path, pem)
            ) as client:
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
    (warning,) = warnings_of(caplog)
    assert warning == (
        "the RSA key is the one that the vendor publishes in its SDK and is not secret; make "
        "your own with: openssl genrsa -traditional -out key.pem 1024"
    )
