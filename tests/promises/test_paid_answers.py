"""Row 32: an answer that was paid for is given out, if it can be written at all."""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..cli.processes import COMMAND, DEADLINE
from .scale import figure, scaled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full and file limits")
FORMATS = ["table", "ranking", "json", "jsonl", "csv"]
CODES = [f"HK.{n:05d}" for n in range(1, 21)]
FAILING = ["XX.00001", "US.999999"]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")


@contextmanager
def started(kind: str, redirections: str = "", **options: Any) -> Iterator[subprocess.Popen[str]]:
    arguments = [*COMMAND, "get", *CODES, *FAILING, *options_of(kind)]
    program = ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", *arguments]
    with subprocess.Popen(program, encoding="utf-8", **options) as process:
        yield process


def options_of(kind: str) -> list[str]:
    """Options of a format; tables with one for each code, or a line for each."""
    if kind in ("table", "ranking"):
        return ["--simulate", "--detail" if kind == "table" else "--sort=code"]
    return ["--simulate", "--format", kind]


def answers_in(kind: str, out: str) -> list[str]:
    """The codes that were answered, in order."""
    if kind == "table":
        return [line.split()[0] for line in out.splitlines() if "  in HKD, as of " in line]
    if kind == "ranking":
        return [line.split()[0] for line in out.splitlines() if line.startswith("HK.")]
    if kind == "csv":
        return [row["code"] for row in csv.DictReader(out.splitlines())]
    records = json.loads(out) if kind == "json" else map(json.loads, out.splitlines())
    return [record["code"] for record in records if "error" not in record]


@contextmanager
def broken_pipe() -> Iterator[int]:
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@contextmanager
def closed_terminal() -> Iterator[int]:
    leader, follower = os.openpty()
    os.close(leader)
    yield follower
    os.close(follower)


@pytest.mark.parametrize(
    ("kind", "stderr"),
    [
        # What goes there is the same for all formats but tables, which leave errors to it.
        *(("table", broken) for broken in ("2>/dev/full", "2>&-", broken_pipe, closed_terminal)),
        *(("ranking", "2>/dev/full"), ("json", "2>&-")),
        *(("jsonl", broken_pipe), ("csv", closed_terminal)),
    ],
)
def test_a_broken_stderr_costs_no_answer(kind: str, stderr: Any) -> None:
    if isinstance(stderr, str):
        with started(kind, stderr, stdout=subprocess.PIPE) as process:
            out, _ = process.communicate(timeout=DEADLINE)
    else:
        with stderr() as descriptor:
            with started(kind, stdout=subprocess.PIPE, stderr=descriptor) as process:
                out, _ = process.communicate(timeout=DEADLINE)
    answers = answers_in(kind, out)
    figure(32, stderr=stderr, format=kind, answers=f"{len(answers)} of {len(CODES)}")
    assert (process.returncode, answers) == (1, CODES)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_holds_what_fits_and_the_command_says_so(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(f"disk {kind}")
    whole = tmp_path / "whole"
    with whole.open("w") as file, started(kind, stdout=file, stderr=subprocess.PIPE) as process:
        process.communicate(timeout=DEADLINE)
    size = whole.stat().st_size
    for unbuffered in ("", "1") * scaled(1):
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        limit = draw.randrange(size * 9 // 10)  # figures of another minute may be shorter
        path = tmp_path / "out"

        def limit_file_size(limit: int = limit) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        with path.open("w") as file:
            with started(
                kind, stdout=file, stderr=subprocess.PIPE, preexec_fn=limit_file_size
            ) as process:
                _, err = process.communicate(timeout=DEADLINE)
        assert path.stat().st_size == limit, "something that fitted was not written"
        assert process.returncode == 4
        assert err.splitlines()[-1].startswith("aiocapdist: cannot write the output: File too")
        assert "Traceback" not in err


@pytest.mark.parametrize("kind", ["table", "jsonl", "csv"])
def test_a_reader_that_stops_early_ends_the_command_with_a_last_word(kind: str) -> None:
    draw = random.Random(f"reader {kind}")
    for _ in range(scaled(2)):
        with started(kind, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            os.read(process.stdout.fileno(), draw.randrange(1, 500))
            process.stdout.close()
            err = process.stderr.read()
            assert process.wait(DEADLINE) in (0, 1, 4)  # it may have written all before that
        assert "Traceback" not in err
        assert "Exception ignored" not in err
        if process.returncode == 4:
            assert "aiocapdist: cannot write the output: its reader closed the pipe\n" in err


@pytest.mark.parametrize(
    ("kind", "number"),
    [*((kind, signal.SIGINT) for kind in FORMATS), ("table", signal.SIGTERM)],
)
def test_a_signal_costs_no_answer(kind: str, number: signal.Signals) -> None:
    """All that was answered is printed: 30 codes that the quota lets go, and 10 more."""
    codes = [f"HK.{n:05d}" for n in range(1, 30)]
    more = [f"HK.{n:05d}" for n in range(30, 41)]
    arguments = [*COMMAND, "get", *codes, "HK.99999", *more, *options_of(kind)]
    with subprocess.Popen(
        arguments, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        while "HK.99999" not in (line := process.stderr.readline()):
            assert line, "it has ended"
        process.send_signal(number)
        out, _ = process.communicate(timeout=DEADLINE)
    assert (process.returncode, answers_in(kind, out)) == (130, codes)
