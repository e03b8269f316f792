"""``aiocapdist serve`` as a process: where it listens, what it says, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from aiocapdist.cli.commands.serve import _check_reach

from .processes import run_here, simulator, start_command

TOKEN = "a token of the tests, long enough"


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIOCAPDIST_TOKEN", raising=False)


def address(process: subprocess.Popen[str]) -> str:
    """Return the address that it prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    match = re.fullmatch(r"\d+ codes? at (http://\S+:\d+)/ ; Ctrl-C ends it\n", line)
    assert match is not None, line
    return match[1]


def get(url: str, token: str | None = None) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Press Ctrl-C; return the exit code, and what it reported."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    return process.returncode, err


@pytest.mark.parametrize(
    ("options", "locale", "end_of_line"),
    [
        ((), "zh_CN.UTF-8", "/?language=zh ；按 Ctrl-C 结束\n"),  # noqa: RUF001
        (("--language", "en"), "zh_CN.UTF-8", "/?language=en ; Ctrl-C ends it\n"),
        ((), "en_GB.UTF-8", "/ ; Ctrl-C ends it\n"),
    ],
)
def test_its_page_speaks_the_language_of_the_command(
    options: tuple[str, ...], locale: str, end_of_line: str
) -> None:
    command = ("serve", "HK.00700", "--simulate", "--port", "0", *options)
    with start_command(*command, env={**os.environ, "LANG": locale}) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        end(process)
    assert line.endswith(end_of_line)


def test_it_serves_until_ctrl_c() -> None:
    with simulator() as opend:
        options = ("--address", f"127.0.0.1:{opend.port}", "--port", "0")
        with start_command("serve", "HK.00700", *options) as process:
            url = address(process)
            assert url.startswith("http://127.0.0.1:")
            while get(f"{url}/readyz")[0] != 200:
                pass  # not yet connected to OpenD
            status, text = get(f"{url}/v1/capital-distribution/HK.00700?max_age=60")
            assert status == 200
            assert json.loads(text)["code"] == "HK.00700"
            # A reader that is there must not hold it up.
            with urllib.request.urlopen(f"{url}/v1/watch", timeout=20) as stream:
                assert stream.readline() == b"retry: 2000\n"
                assert end(process) == (0, "")


def test_simulated_figures_are_told() -> None:
    with start_command("serve", "HK.00700", "US.AAPL", "--simulate", "--port", "0") as process:
        assert get(f"{address(process)}/readyz")[0] in (200, 503)
        code, err = end(process)
    assert code == 0
    assert "these figures are simulated" in err


def test_without_opend_it_serves_and_says_so(closed_port: int) -> None:
    options = ("--address", f"127.0.0.1:{closed_port}", "--port", "0")
    with start_command("serve", "HK.00700", *options) as process:
        url = address(process)
        assert process.stderr is not None
        told = process.stderr.readline()
        assert "connection was refused" in told
        assert "serving goes on" in told
        assert get(f"{url}/healthz")[0] == 200
        assert get(f"{url}/readyz")[0] == 503
        assert end(process)[0] == 0


def test_changes_are_recorded(tmp_path: Path) -> None:
    file = tmp_path / "day.sqlite"
    with simulator() as opend:
        options = ("--address", f"127.0.0.1:{opend.port}", "--port", "0", "--record", str(file))
        with start_command("serve", "HK.00700", *options) as process:
            url = address(process)
            while not rows_of(file):
                assert process.poll() is None
            assert json.loads(get(f"{url}/v1/status")[1])["recording"] is True
            assert end(process)[0] == 0
    out = run_here("record", "--export", str(file), "--output", str(tmp_path / "day.csv"))
    assert out[0] == 0
    assert "HK.00700" in (tmp_path / "day.csv").read_text("utf-8")


def rows_of(recording: Path) -> int:
    """Return the number of rows that are on the disk by now."""
    try:
        with closing(sqlite3.connect(f"file:{recording}?mode=ro", uri=True)) as database:
            query = "SELECT count(*) FROM capital_distribution"
            return int(database.execute(query).fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_elsewhere_than_here_needs_a_token(host: str) -> None:
    code, out, err = run_here("serve", "HK.00700", "--host", host)
    assert (code, out) == (2, "")
    assert "needs a token" in err
    assert "AIOCAPDIST_TOKEN" in err


def test_with_a_token_it_listens_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOCAPDIST_TOKEN", TOKEN)
    options = ("--simulate", "--port", "0", "--host", "0.0.0.0", "--allow-host", "opend.example")
    with start_command("serve", "HK.00700", *options) as process:
        url = address(process)
        assert url.startswith("http://127.0.0.1:")
        assert get(f"{url}/v1/status")[0] == 401
        status, text = get(f"{url}/v1/status", TOKEN)
        assert status == 200
        assert TOKEN not in text
        _, err = end(process)
    assert TOKEN not in err


def test_without_a_host_that_is_allowed_others_are_refused_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for host, allowed in (("127.0.0.1", ()), ("0.0.0.0", ("opend.example",))):
        _check_reach(host, TOKEN, allowed)
        assert capsys.readouterr().err == ""
    _check_reach("0.0.0.0", TOKEN, ())
    assert "--allow-host" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run_here("serve", "HK.00700", "--simulate", "--port", str(port))
    assert code == 3
    assert f"cannot listen on 127.0.0.1:{port}: " in err
    assert "try --port 0" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--simulate",), "no codes given"),
        (("HK.", "--simulate"), "invalid code"),
        (("HK.00700", "--simulate", "--allow-host", "http://x"), "cannot be allowed"),
        (("HK.00700", "--simulate", "--quota", "none"), "--simulate uses no OpenD"),
        (("HK.00700", "--every", "0"), "--every"),
    ],
)
def test_wrong_arguments_are_told(arguments: tuple[str, ...], told: str) -> None:
    code, out, err = run_here("serve", *arguments, "--port", "0")
    assert (code, out) == (2, "")
    assert told in err


def test_a_short_token_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOCAPDIST_TOKEN", "short")
    code, _, err = run_here("serve", "HK.00700", "--simulate", "--port", "0")
    assert code == 2
    assert "at least 16 characters" in err
