"""``get`` over encrypted TCP and WebSockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from aiocapdist.cli.app import run

from ..support.transports import WEBSOCKET_KEY, Transport, rsa_pem


def get(
    transport: Transport, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, Any, str]:
    """Return the exit code, the JSON printed, and the lines on standard error."""

    # The simulator in a thread of its own: the run_command wants the main one, for its signals.
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(transport.simulator()) as opend:
            where = f"{transport.name}://127.0.0.1:{opend.websocket_port or opend.port}"
            arguments = ("get", "HK.00700", "--address", where, "--format", "json", *options)
            code = run(arguments)
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if printed.out.strip() else None, printed.err


def test_get_over_encrypted_tcp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_bytes(rsa_pem())
    code, answers, _ = get(Transport("tcp", "aes-cbc"), capsys, "--rsa-key", str(key))
    assert code == 0
    assert answers[0]["code"] == "HK.00700"


def test_get_over_a_websocket_with_the_key_in_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOCAPDIST_WEBSOCKET_KEY", WEBSOCKET_KEY)
    code, answers, _ = get(Transport("ws"), capsys)
    assert code == 0
    assert answers[0]["code"] == "HK.00700"


def test_a_key_in_the_environment_is_ignored_over_tcp(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOCAPDIST_WEBSOCKET_KEY", WEBSOCKET_KEY)
    code, _, _ = get(Transport("tcp"), capsys)
    assert code == 0


def test_a_wrong_key_is_reported_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, messages = get(Transport("ws"), capsys, "--websocket-key", "not the key")
    assert code == 3
    assert "wrong key" in messages
    assert "not the key" not in messages


def test_a_missing_key_file_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.pem")
    code, _, messages = get(Transport("tcp"), capsys, "--rsa-key", missing)
    assert code == 2
    assert messages.startswith("aiocapdist: unusable rsa_key: ")
