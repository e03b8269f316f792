"""Options of ``get``: where OpenD is, where answers go, and how long it may take."""

from __future__ import annotations

import csv
import json
import socket
import sys
from pathlib import Path

import pytest

from aiocapdist.cli.app import app, run
from aiocapdist.cli.help import HELP
from aiocapdist.cli.options import ConnectionOptions

from .processes import run_command, run_here, simulator, time_limit_after

COMMANDS = sorted(HELP)


# ---- Where OpenD is


@pytest.mark.parametrize(
    ("options", "environment", "address"),
    [
        ({}, {}, "127.0.0.1"),
        ({"host": "a"}, {}, "a"),
        ({"port": 5}, {}, "127.0.0.1:5"),
        ({"host": "a", "port": 5}, {}, "a:5"),
        ({"host": "::1", "port": 5}, {}, "[::1]:5"),
        ({}, {"AIOCAPDIST_ADDRESS": "ws://b"}, "ws://b"),
        ({}, {"FUTU_OPEND_HOST": "c", "FUTU_OPEND_PORT": "7"}, "c:7"),
        ({}, {"FUTU_OPEND_PORT": "7"}, "127.0.0.1:7"),
        ({}, {"AIOCAPDIST_ADDRESS": "b", "FUTU_OPEND_HOST": "c"}, "b"),
        ({"port": 5}, {"AIOCAPDIST_ADDRESS": "b", "FUTU_OPEND_HOST": "c"}, "127.0.0.1:5"),
        ({"address": "d"}, {"AIOCAPDIST_ADDRESS": "b", "FUTU_OPEND_PORT": "7"}, "d"),
    ],
)
def test_options_put_the_environment_aside(
    options: dict[str, object],
    environment: dict[str, str],
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ConnectionOptions(**options).opend == address  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FUTU_OPEND_PORT", "abc", "FUTU_OPEND_PORT must be a number from 1 to 65535, not 'abc'"),
        ("AIOCAPDIST_ADDRESS", "a:b", "AIOCAPDIST_ADDRESS: invalid address 'a:b': its port is"),
        ("AIOCAPDIST_REDIS", "a", "AIOCAPDIST_REDIS: url is the address of a Redis server: "),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str,
    value: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    assert run(["get", "HK.00700"]) == 2
    assert capsys.readouterr().err.startswith(f"aiocapdist: {said}")


def test_an_empty_variable_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ADDRESS", "REDIS", "RSA_KEY", "WEBSOCKET_KEY"):
        monkeypatch.setenv(f"AIOCAPDIST_{name}", "")
    monkeypatch.setenv("COLUMNS", "0")
    with simulator() as opend:
        assert run(["get", "HK.00700", "--port", str(opend.port)]) == 0
    assert capsys.readouterr().out.startswith("HK.00700 ")


def test_get_asks_the_opend_at_host_and_port(capsys: pytest.CaptureFixture[str]) -> None:
    with simulator() as opend:
        assert run(["get", "HK.00700", "--host", "localhost", "--port", str(opend.port)]) == 0
    assert capsys.readouterr().out.startswith("HK.00700 ")


def test_get_asks_the_opend_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with simulator() as opend:
        monkeypatch.setenv("FUTU_OPEND_PORT", str(opend.port))
        assert run(["get", "HK.00700"]) == 0
        assert opend.largest_window == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--address a --host b", "--address and --host or --port: leave out one"),
        ("--address a --port 1", "--address and --host or --port: leave out one"),
        ("--simulate --port 1", "--simulate uses no OpenD"),
        ("--json --format csv", "--json and --format csv: leave out one"),
        ("--detail --top 3", "--detail and --sort or --top: leave out one"),
        ("--json --sort net", "--sort, --top and --detail are for tables, not for json"),
        ("--timeout 0", "--timeout"),
        ("--top 0", "--top"),
    ],
)
def test_options_that_exclude_each_other_are_wrong_usage(
    arguments: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["get", "HK.00700", *arguments.split()]) == 2
    assert text in capsys.readouterr().err


# ---- Where answers go


def test_json_is_short_for_its_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", "HK.00700", "--simulate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["code"] == "HK.00700"


def test_answers_are_written_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    options = ("--simulate", "--format", "csv", "--output", str(path))
    code, out, _ = run_here("get", "HK.00700", "US.AAPL", *options)
    assert (code, out) == (0, "")
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [row["code"] for row in rows] == ["HK.00700", "US.AAPL"]


def test_a_file_is_left_alone_if_opend_is_not_reached(tmp_path: Path, closed_port: int) -> None:
    path = tmp_path / "figures.json"
    path.write_text("yesterday's")
    code, _, _ = run_here("get", "HK.00700", "--port", str(closed_port), "--output", str(path))
    assert code == 3
    assert path.read_text() == "yesterday's"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize(
    ("kind", "path", "reason"),
    [
        *(
            (kind, "/dev/full", "No space left on device")
            for kind in ("table", "json", "jsonl", "csv")
        ),
        ("table", "/", "/: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_exit_code_4(kind: str, path: str, reason: str) -> None:
    options = ("--simulate", "--format", kind, "--output", path)
    code, out, err = run_command("get", "HK.00700", *options)
    assert (code, out) == (4, "")
    assert err == f"aiocapdist: cannot write the output: {reason}\n"


# ---- How long it may take


def test_a_timeout_prints_the_answers_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    with simulator(quota=(2, 60.0)) as opend:
        codes = [f"HK.{n:05d}" for n in range(1, 5)]
        options = ("--port", str(opend.port), "--quota", "none", "--json", "--timeout", "1")
        with time_limit_after(2):
            assert run(["get", *codes, *options]) == 1
    out, err = capsys.readouterr()
    assert [record["code"] for record in json.loads(out)] == codes[:2]
    last = err.splitlines()[-1]
    assert last == "aiocapdist: not done within 1 s; 2 of 4 codes were answered"


def test_a_timeout_limits_connecting_too(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert run(["get", "HK.00700", "--port", str(port), "--timeout", "0.3"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "aiocapdist: not connected to OpenD within 0.3 s\n"


@pytest.mark.parametrize("dash", [("--output", "-"), ("--output=-",), ("--output", "/dev/stdout")])
def test_a_dash_is_standard_output(
    dash: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    for arguments in ("get HK.00700 --simulate", "flow HK.00700 --simulate --last 1"):
        assert run([*arguments.split(), "--format", "csv", *dash]) == 0
        assert capsys.readouterr().out.startswith("code,market,")
    assert {path for path in tmp_path.iterdir() if path.name != "state"} == before


# ---- Help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"aiocapdist {command} " in capsys.readouterr().out.partition("For example")[2]


def test_every_command_is_tested() -> None:
    assert {name for name in app if not name.startswith("-")} == set(COMMANDS)
