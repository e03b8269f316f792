"""``aiocapdist doctor`` as a command: lines, JSON, exit codes, what it hides."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from aiocapdist.cli.app import run
from aiocapdist.cli.doctor.findings import Finding, exit_code, summary

from ...support.serving import figures_of_now
from ..processes import run_command, run_here, simulator, start_command

HEADS = [
    "name",
    "port",
    "listener",
    "handshake",
    "key",
    "version",
    "login",
    "quote rights",
    "market states",
    "clock",
    "figure",
    "freshness",
    "quota",
]


def test_a_line_for_each_check(capsys: pytest.CaptureFixture[str]) -> None:
    with simulator(figures=figures_of_now) as opend:  # fresh, also when a market just opens
        assert run(["doctor", "--port", str(opend.port)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("aiocapdist ")
    lines = [line for line in out.splitlines()[2:] if line[:1].strip()]
    assert [line[9:24].strip() for line in lines[:-1]] == HEADS
    assert {line[:9].strip() for line in lines[:-1]} <= {"ok", "skipped", "warning"}
    assert lines[-1] == "all is well"
    assert max(len(line) for line in out.splitlines() if "/" not in line) <= 80


def test_what_to_do_is_below_what_is_wrong() -> None:
    code, out, err = run_here("doctor", "--host", "opend.invalid")
    assert (code, err) == (3, "")
    lines = out.splitlines()[2:]
    assert lines[0] == "failed   name           <host>: the host name cannot be resolved"
    assert lines[1] == "                        what to do: check its spelling"
    assert lines[-1] == "something is wrong: name"
    assert "opend.invalid" not in out
    _, out, _ = run_here("doctor", "--host", "opend.invalid", "--unmasked")
    assert "opend.invalid: the host name" in out


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"AIOCAPDIST_ADDRESS": "localhost:1", "FUTU_OPEND_PORT": "2"}, "AIOCAPDIST_ADDRESS"),
        ({"FUTU_OPEND_PORT": "1"}, "FUTU_OPEND_PORT"),
        (
            {"FUTU_OPEND_HOST": "localhost", "FUTU_OPEND_PORT": "1"},
            "FUTU_OPEND_HOST and FUTU_OPEND_PORT",
        ),
        ({}, None),
    ],
)
def test_an_address_from_the_environment_is_told(
    variables: dict[str, str],
    text: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run(["doctor", *([] if text else ["--port", "1"])]) == 3
    out = " ".join(capsys.readouterr().out.split())
    assert (f"; from {text} failed port port 1: the connection was refused" in out) == bool(text)


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with simulator(figures=figures_of_now) as opend:
        assert run(["doctor", "--port", str(opend.port), "--json", "--code", "700.HK"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["summary"] == "all is well"
    assert {"aiocapdist", "python", "system"} < report.keys()
    found = {each["check"]: each for each in report["findings"]}
    assert list(found) == HEADS
    assert found["figure"]["data"] == {"code": "HK.00700"}
    assert found["version"] == {
        "check": "version",
        "state": "ok",
        "text": "OpenD 10.11, build 1",
        "advice": None,
        "data": {"version": "10.11", "build": 1},
    }


def test_a_failed_check_has_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with simulator() as opend:
        assert run(["doctor", "--port", str(opend.port), "--code", "HK.99999"]) == 1
    assert capsys.readouterr().out.endswith("\nsomething is wrong: figure\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("doctor --address http://host", "invalid address 'http://host'"),
        ("doctor --address host --port 1", "--address and --host or --port: leave out one"),
        ("doctor --code nonsense!", "invalid code"),
        ("doctor --quota none --quota-file a", "leave out one"),
        ("doctor --timeout 0", "--timeout"),
        ("doctor --websocket-key", "--websocket-key"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: str, text: str) -> None:
    assert run(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert text in err


def test_a_narrow_terminal_is_readable() -> None:
    with simulator() as opend:
        _, out, _ = run_here("doctor", "--port", str(opend.port), COLUMNS="30")
    assert max(len(line) for line in out.splitlines() if "/" not in line) <= 30


def test_colours_are_for_terminals_alone() -> None:
    with simulator() as opend:
        arguments = ("doctor", "--port", str(opend.port))
        _, plain, _ = run_here(*arguments)
        _, forced, _ = run_here(*arguments, FORCE_COLOR="1")
    assert "\x1b" not in plain
    assert "\x1b[32mok" in forced


def test_the_home_folder_is_hidden(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    del environment["XDG_STATE_HOME"]
    with simulator() as opend:
        _, out, _ = run_command("doctor", "--port", str(opend.port), env=environment)
    assert str(tmp_path) not in out
    assert "~/.local/state/aiocapdist/quota/127.0.0.1_" in out


def test_no_id_of_the_user_is_shown() -> None:
    with simulator(seed=7) as opend:
        for option in ("--json", "--unmasked"):
            _, out, _ = run_here("doctor", "--port", str(opend.port), option)
            assert "10000007" not in out


def test_ctrl_c_ends_it() -> None:
    with simulator(latency=600.0) as opend:
        with start_command("doctor", "--port", str(opend.port), "--timeout", "600") as process:
            assert process.stdout is not None
            while "key" not in process.stdout.readline():
                pass
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    assert process.returncode == 130


def test_a_warning_is_no_failure() -> None:
    findings = [Finding("figure", "warning", ""), Finding("clock", "ok", "")]
    assert exit_code(findings) == 0
    assert summary(findings) == "all works, with warnings: figure"
    assert exit_code([*findings, Finding("login", "failed", "")]) == 1
    assert exit_code([Finding("login", "failed", ""), Finding("port", "failed", "")]) == 3
