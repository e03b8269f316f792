"""Standard output or standard error is full, closed, or a broken pipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import COMMAND, DEADLINE, run_command, run_here, simulator, start_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full and a POSIX shell")
FORMATS = ["table", "json", "jsonl", "csv"]
GET = ("get", "HK.00001", "HK.99999", "HK.00002", "--simulate", "--format")
BROKEN_STDOUT = {">/dev/full": "No space left on device", ">&-": "it is closed"}
BROKEN_STDERR = ["2>/dev/full", "2>&-"]


def run_in_shell(redirections: str, *arguments: str) -> tuple[int, str, str]:
    """Run the command with these redirections; return exit code, stdout, stderr."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", *COMMAND, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def broken_pipe() -> Iterator[int]:
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


def codes_in(out: str) -> list[str]:
    return [record["code"] for record in json.loads(out)]


@pytest.mark.parametrize("redirection", BROKEN_STDERR)
def test_a_broken_stderr_costs_no_answers(redirection: str) -> None:
    code, out, err = run_in_shell(redirection, *GET, "json")
    assert (code, err) == (1, "")
    assert codes_in(out) == ["HK.00001", "HK.99999", "HK.00002"]


def test_a_broken_pipe_as_stderr_costs_no_answers(broken_pipe: int) -> None:
    code, out, _ = run_command(*GET, "json", stderr=broken_pipe)
    assert code == 1
    assert codes_in(out) == ["HK.00001", "HK.99999", "HK.00002"]


@pytest.mark.parametrize(
    ("redirection", "kind"), [*((">/dev/full", kind) for kind in FORMATS), (">&-", "json")]
)
def test_a_broken_stdout_is_exit_code_4_with_a_message(redirection: str, kind: str) -> None:
    code, _, err = run_in_shell(redirection, *GET, kind)
    assert code == 4
    messages = [line for line in err.splitlines() if "HK.99999" not in line]
    assert messages == [f"aiocapdist: cannot write the output: {BROKEN_STDOUT[redirection]}"]


@pytest.mark.parametrize("kind", ["table", "jsonl"])
def test_a_reader_that_closes_the_pipe_is_exit_code_4_with_a_message(
    kind: str, broken_pipe: int
) -> None:
    code, _, err = run_command(*GET, kind, stdout=broken_pipe)
    assert code == 4
    messages = [line for line in err.splitlines() if "HK.99999" not in line]
    assert messages == ["aiocapdist: cannot write the output: its reader closed the pipe"]


@pytest.mark.parametrize("kind", ["table", "csv", "jsonl"])
def test_a_broken_stdout_ends_the_sweep(kind: str, broken_pipe: int) -> None:
    codes = [f"HK.{n:05d}" for n in range(1, 61)]
    with simulator() as opend:
        address = ("--address", f"127.0.0.1:{opend.port}", "--format", kind)
        options = ("--detail",) if kind == "table" else ()
        code, _, _ = run_command("get", *codes, *address, *options, stdout=broken_pipe)
        assert code == 4
        assert len([each for each in opend.requests if each.code]) <= 30, "it waited for the quota"


@pytest.mark.parametrize(
    ("redirection", "arguments"),
    [
        *((">/dev/full", each) for each in ("--help", "--version", "get --help")),
        *((">/dev/full", each) for each in ("simulate --port 0", "quota --file FILE")),
        *((">&-", each) for each in ("--version", "get --help")),
    ],
)
def test_every_command_reports_a_broken_stdout(
    redirection: str, arguments: str, tmp_path: Path
) -> None:
    ledger = str(tmp_path / "ledger")
    if "FILE" in arguments:
        with simulator() as opend:
            where = ("--address", f"127.0.0.1:{opend.port}", "--quota-file", ledger)
            run_here("get", "HK.00001", *where)
    code, out, err = run_in_shell(redirection, *arguments.replace("FILE", ledger).split())
    assert (code, out) == (4, "")
    assert err == f"aiocapdist: cannot write the output: {BROKEN_STDOUT[redirection]}\n"


@pytest.mark.parametrize(
    "redirections", ["<&- >&- 2>&-", ">/dev/full 2>/dev/full", ">&- 2>/dev/full"]
)
def test_with_both_streams_broken_the_exit_code_remains(redirections: str) -> None:
    assert run_in_shell(redirections, *GET, "json") == (4, "", "")


@pytest.mark.parametrize("redirection", BROKEN_STDERR)
def test_usage_errors_keep_their_exit_code_without_stderr(redirection: str) -> None:
    assert run_in_shell(redirection, "get") == (2, "", "")
    assert run_in_shell(redirection, "get", "--nope") == (2, "", "")


def test_a_terminal_that_goes_away_costs_no_answers() -> None:
    leader, follower = os.openpty()
    codes = [f"HK.{n:05d}" for n in range(1, 33)]
    with simulator() as opend:
        arguments = ("get", *codes, "--format", "jsonl", "--address", f"127.0.0.1:{opend.port}")
        environment = {**os.environ, "TERM": "xterm"}
        with start_command(*arguments, stderr=follower, env=environment) as process:
            assert process.stdout is not None
            os.close(follower)
            os.read(leader, 100)  # the progress bar has begun
            os.close(leader)
            answers = [process.stdout.readline() for _ in range(30)]
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate()
    assert (process.returncode, rest) == (130, "")
    assert [json.loads(line)["code"] for line in answers] == codes[:30]
