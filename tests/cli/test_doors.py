"""``get`` through the other doors of OpenD."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from aiocapdist.cli._app import run

from ..support.transports import WEBSOCKET_KEY, Transport, rsa_pem


def get(
    transport: Transport, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, Any, str]:
    """The exit code, what was printed as JSON, and the lines on standard error."""

    # The simulator in a thread of its own: the command wants the main one, for its signals.
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(transport.simulator()) as opend:
            where = f"{transport.name}://127.0.0.1:{opend.websocket_port or opend.port}"
            arguments = ("get", "HK.00700", "--address", where, "--format", "json", *options)
            code = run(arguments)
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if printed.out.strip() else None, printed.err


def test_an_encrypted_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_bytes(rsa_pem())
    code, answers, _ = get(Transport("tcp", "aes-cbc"), capsys, "--rsa-key", str(key))
    assert code == 0
    assert answers[0]["code"] == "HK.00700"


def test_a_websocket_with_its_key_in_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOCAPDIST_WEBSOCKET_KEY", WEBSOCKET_KEY)
    code, answers, _ = get(Transport("ws"), capsys)
    assert code == 0
    assert answers[0]["code"] == "HK.00700"


def test_a_key_in_the_environment_does_not_disturb_another_door(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOCAPDIST_WEBSOCKET_KEY", WEBSOCKET_KEY)
    code, _, _ = get(Transport("tcp"), capsys)
    assert code == 0


def test_a_wrong_key_is_not_reached_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = get(Transport("ws"), capsys, "--websocket-key", "not the key")
    assert code == 3
    assert "wrong key" in told
    assert "not the key" not in told


def test_a_key_file_that_is_not_there_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.pem")
    code, _, told = get(Transport("tcp"), capsys, "--rsa-key", missing)
    assert code == 2
    assert told.startswith("aiocapdist: unusable rsa_key: ")
