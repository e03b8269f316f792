"""Progress of a long list: its arithmetic, in logs, and on a terminal."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console
from rich.progress import Progress

from aiocapdist import InvalidCode, Outcome, Quota
from aiocapdist.cli.progress import ProgressLog, show_progress
from aiocapdist.cli.progress_bar import TimeLeftColumn
from aiocapdist.cli.sweep_progress import SweepProgress

from .processes import simulator, start_command

ERROR = InvalidCode("", "it is empty")


def codes(count: int) -> list[str]:
    return [f"HK.{n:05d}" for n in range(1, count + 1)]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# ---- Arithmetic


def fake_quota(waiting: int) -> tuple[Quota, list[int]]:
    """Return a quota whose estimates are the numbers asked for, and the list of these."""
    asked: list[int] = []

    def eta(n: int) -> float:
        asked.append(n)
        return float(n)

    return cast(Quota, SimpleNamespace(waiting=waiting, eta=eta)), asked


def test_progress_counts_answers_and_failures() -> None:
    progress = SweepProgress(["HK.00001", "HK.00002", "HK.00001"])
    progress.add(Outcome("HK.00001", error=ERROR))
    progress.add(Outcome("HK.00002"))
    assert (progress.total, progress.done, progress.answered, progress.failed) == (3, 2, 1, 1)


def test_seconds_left_counts_codes_not_requested_and_repeats_once() -> None:
    progress = SweepProgress([*codes(40), "HK.00040"])
    quota, asked = fake_quota(0)
    assert progress.seconds_left(quota) == 40.0
    codes_taken = progress.requested_codes()
    for _ in range(31):
        next(codes_taken)
    # Thirty are in flight and need no token, the thirty-first waits for one.
    quota.__dict__["waiting"] = 1
    assert progress.seconds_left(quota) == 9.0
    assert len(list(codes_taken)) == 10
    assert progress.seconds_left(quota) == 1.0, "the last one is still waiting"
    quota.__dict__["waiting"] = 0
    assert progress.seconds_left(quota) == 0.0
    assert asked == [40, 9, 1]


def test_seconds_left_of_a_fresh_quota_is_its_eta() -> None:
    assert SweepProgress(codes(30)).seconds_left(Quota()) == 0.0
    assert SweepProgress(codes(31)).seconds_left(Quota()) == pytest.approx(30.05)
    assert SweepProgress(codes(90)).seconds_left(Quota()) == pytest.approx(60.10)


# ---- In a log


def test_a_log_has_a_first_line_and_then_one_every_ten_seconds_at_most(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock, progress = Clock(), SweepProgress(codes(3700))
    quota, _ = fake_quota(0)
    lines = ProgressLog(progress, quota, clock)
    codes_taken = progress.requested_codes()
    for seconds in (0.0, 9.9, 0.2, 5.0, 4.9, 0.2):
        clock.now += seconds
        progress.add(Outcome(next(codes_taken)))
        lines.update()
    assert capsys.readouterr().err.splitlines() == [
        "aiocapdist: asking about 3700 codes; by the quota this takes about 1:01:40",
        "aiocapdist: 3 of 3700 codes done; about 1:01:37 left by the quota",
        "aiocapdist: 6 of 3700 codes done; about 1:01:34 left by the quota",
    ]


def test_a_log_has_no_line_after_the_last_code(capsys: pytest.CaptureFixture[str]) -> None:
    clock, progress = Clock(), SweepProgress(codes(1))
    lines = ProgressLog(progress, fake_quota(0)[0], clock)
    clock.now += 60.0
    progress.add(Outcome("HK.00001"))
    lines.update()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("count", "lines"), [(30, 0), (31, 1)])
def test_progress_is_shown_for_more_than_thirty_codes(
    capsys: pytest.CaptureFixture[str], count: int, lines: int
) -> None:
    with show_progress(SweepProgress(codes(count)), Quota()) as update:
        update()
    assert capsys.readouterr().err.count("\n") == lines


def test_forced_colours_do_not_make_a_log_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with show_progress(SweepProgress(codes(31)), Quota()) as update:
        update()
    assert capsys.readouterr().err.startswith("aiocapdist: asking about 31 codes")


# ---- On a terminal


@pytest.mark.parametrize(
    ("left", "text"), [(89.6, "0:01:30 left by the quota"), (0.0, ""), (-5.0, "")]
)
def test_the_time_left_counts_down_between_outcomes(left: float, text: str) -> None:
    clock = Clock()
    progress = Progress(console=Console(file=io.StringIO()), get_time=clock)
    progress.add_task("", until=clock.now + 30.0 + left)
    clock.now += 30.0
    assert TimeLeftColumn().render(progress.tasks[0]).plain == text


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("both", [False, True], ids=["answers in a pipe", "answers beside it"])
def test_a_bar_on_the_terminal_does_not_mix_with_answers(both: bool) -> None:
    leader, follower = os.openpty()
    shown = b""
    with simulator() as opend:
        arguments = ["get", *codes(32), "--format", "jsonl", "--address"]
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "70"}
        streams = {"stderr": follower, **({"stdout": follower} if both else {})}
        with start_command(
            *arguments, f"127.0.0.1:{opend.port}", env=environment, **streams
        ) as process:
            os.close(follower)
            while b"30/32" not in shown and (more := os.read(leader, 65536)):
                shown += more
            # Nothing is held back: the answers are in the pipe already.
            lines = [next(process.stdout) for _ in range(30)] if process.stdout else []
            process.send_signal(signal.SIGINT)
            shown += b"".join(iter(lambda: _rest(leader), b""))
            assert process.wait() == 130
    os.close(leader)
    text = shown.decode()
    assert "0:00:30 left by the quota" in text
    assert "━" in text
    assert text.rstrip().endswith("aiocapdist: interrupted; 30 of 32 codes were answered")
    if both:
        assert text.count('{"code": ') == 30
    else:
        assert [json.loads(line)["code"] for line in lines] == codes(30)
        assert '{"code": ' not in text


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux reports that the other end is closed
        return b""
