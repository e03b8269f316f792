"""How far a long list is: in logs, on a terminal, and by which arithmetic."""

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
from aiocapdist.cli.progress import Lines, TimeLeft, showing
from aiocapdist.cli.sweep_progress import Tally

from .processes import simulator, started

ERROR = InvalidCode("", "it is empty")


def codes(count: int) -> list[str]:
    return [f"HK.{n:05d}" for n in range(1, count + 1)]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# ---- the arithmetic


def asked_in_line(waiting: int) -> tuple[Quota, list[int]]:
    """A quota whose estimates are the numbers asked for, and what it was asked."""
    asked: list[int] = []

    def eta(n: int) -> float:
        asked.append(n)
        return float(n)

    return cast(Quota, SimpleNamespace(waiting=waiting, eta=eta)), asked


def test_a_tally_counts_what_was_answered_and_what_failed() -> None:
    tally = Tally(["HK.1", "HK.2", "HK.1"])
    tally.count(Outcome("HK.1", error=ERROR))
    tally.count(Outcome("HK.2"))
    assert (tally.total, tally.done, tally.answered, tally.failed) == (3, 2, 1, 1)
    assert tally.without_outcome() == [("HK.1", False)]


def test_what_is_left_knows_what_may_have_been_sent() -> None:
    tally = Tally(["HK.1", "HK.2", "HK.3"])
    drawn = tally.draw()
    assert [next(drawn), next(drawn)] == ["HK.1", "HK.2"]
    tally.count(Outcome("HK.1"))
    assert tally.without_outcome() == [("HK.2", True), ("HK.3", False)]


def test_the_time_left_counts_codes_not_drawn_and_repeats_once() -> None:
    tally = Tally([*codes(40), "HK.00040"])
    quota, asked = asked_in_line(0)
    assert tally.seconds_left(quota) == 40.0
    drawn = tally.draw()
    for _ in range(31):
        next(drawn)
    # Thirty in flight need no token, the thirty-first stands in the quota's line.
    quota.__dict__["waiting"] = 1
    assert tally.seconds_left(quota) == 9.0
    assert len(list(drawn)) == 10
    assert tally.seconds_left(quota) == 1.0, "one still waits in line"
    quota.__dict__["waiting"] = 0
    assert tally.seconds_left(quota) == 0.0
    assert asked == [40, 9, 1]


def test_the_estimate_of_a_fresh_quota_is_the_quotas_own() -> None:
    assert Tally(codes(30)).seconds_left(Quota()) == 0.0
    assert Tally(codes(31)).seconds_left(Quota()) == pytest.approx(30.05)
    assert Tally(codes(90)).seconds_left(Quota()) == pytest.approx(60.10)


# ---- in a log


def test_a_log_gets_a_line_at_first_and_then_one_every_ten_seconds_at_most(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock, tally = Clock(), Tally(codes(3700))
    quota, _ = asked_in_line(0)
    lines = Lines(tally, quota, clock)
    drawn = tally.draw()
    for seconds in (0.0, 9.9, 0.2, 5.0, 4.9, 0.2):
        clock.now += seconds
        tally.count(Outcome(next(drawn)))
        lines.advance()
    assert capsys.readouterr().err.splitlines() == [
        "aiocapdist: asking about 3700 codes; by the quota this takes about 1:01:40",
        "aiocapdist: 3 of 3700 codes done; about 1:01:37 left by the quota",
        "aiocapdist: 6 of 3700 codes done; about 1:01:34 left by the quota",
    ]


def test_a_log_is_not_told_what_the_end_tells(capsys: pytest.CaptureFixture[str]) -> None:
    clock, tally = Clock(), Tally(codes(1))
    lines = Lines(tally, asked_in_line(0)[0], clock)
    clock.now += 60.0
    tally.count(Outcome("HK.00001"))
    lines.advance()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("count", "lines"), [(30, 0), (31, 1)])
def test_only_more_than_thirty_codes_are_worth_a_line(
    capsys: pytest.CaptureFixture[str], count: int, lines: int
) -> None:
    with showing(Tally(codes(count)), Quota()) as advance:
        advance()
    assert capsys.readouterr().err.count("\n") == lines


def test_colours_forced_upon_a_log_make_it_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with showing(Tally(codes(31)), Quota()) as advance:
        advance()
    assert capsys.readouterr().err.startswith("aiocapdist: asking about 31 codes")


# ---- on a terminal


@pytest.mark.parametrize(
    ("left", "text"), [(89.6, "0:01:30 left by the quota"), (0.0, ""), (-5.0, "")]
)
def test_the_time_left_counts_down_by_itself(left: float, text: str) -> None:
    clock = Clock()
    progress = Progress(console=Console(file=io.StringIO()), get_time=clock)
    progress.add_task("", until=clock.now + 30.0 + left)
    clock.now += 30.0
    assert TimeLeft().render(progress.tasks[0]).plain == text


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize("both", [False, True], ids=["answers in a pipe", "answers beside it"])
def test_a_bar_on_the_terminal_leaves_the_answers_where_they_belong(both: bool) -> None:
    leader, follower = os.openpty()
    shown = b""
    with simulator() as opend:
        arguments = ["get", *codes(32), "--format", "jsonl", "--address"]
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "70"}
        streams = {"stderr": follower, **({"stdout": follower} if both else {})}
        with started(*arguments, f"127.0.0.1:{opend.port}", env=environment, **streams) as process:
            os.close(follower)
            while b"30/32" not in shown and (more := os.read(leader, 65536)):
                shown += more
            # Nothing is held back until the end: whoever reads the pipe has them by now.
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
    except OSError:  # how Linux tells that nobody writes to it any more
        return b""
