"""Texts from elsewhere are escaped before a terminal shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aiocapdist.cli.streams import report

from ..support.transports import rsa_pem
from .processes import run_here, simulator
from .test_table import rendered

CONTROLS = "\x1b]0;title\x07\x1b[31m\x9b2J\u202e\r\x00"


def test_control_characters_in_messages_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    report(f"未知股票 [bold] {CONTROLS}\n\tX \udc80")
    written = capsys.readouterr().err
    assert written == (
        "aiocapdist: 未知股票 [bold] "
        r"\x1b]0;title\x07\x1b[31m\x9b2J\u202e \x00 X \udc80" + "\n"
    )
    assert written[:-1].isprintable()


def test_control_characters_in_update_time_are_escaped() -> None:
    title = rendered(updated_at=None, update_time=f"noon {CONTROLS}").splitlines()[0]
    assert title.isprintable()
    assert "as of noon" in title


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX modes and names")
def test_log_records_are_escaped(tmp_path: Path) -> None:
    key = tmp_path / "key\x1b[31m\u202e.pem"
    key.write_bytes(rsa_pem())
    key.chmod(0o644)
    with simulator(rsa_key=rsa_pem()) as opend:
        address = ("--address", f"127.0.0.1:{opend.port}")
        code, _, err = run_here("get", "HK.00001", *address, "--rsa-key", str(key))
    assert code == 0
    (line,) = err.splitlines()
    assert line.startswith("aiocapdist: the RSA key file ")
    assert r"key\x1b[31m\u202e.pem" in line


def test_a_traceback_is_escaped() -> None:
    program = """
from aiocapdist.cli import app, main
def fail(*arguments): raise RuntimeError("a bug \\x1b[31m")
app.run = fail
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert r"RuntimeError: a bug \x1b[31m" in done.stderr.splitlines()
    assert all(line.isprintable() for line in done.stderr.splitlines())
