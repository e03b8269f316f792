"""Row 37: running the command again is no refusal, and its waiting is announced."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from ..cli.processes import run_command, simulator, start_command
from .scale import figure

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ledger files need flock")
CODES = [f"HK.{n:05d}" for n in range(1, 26)]
WAITING = re.compile(r"aiocapdist: waiting (\d+) s for the quota \(30 calls in 30 s\)…")


def test_the_command_twice_in_a_row_and_side_by_side_without_any_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    with simulator() as opend:
        options = ("--format", "json", "--address", f"127.0.0.1:{opend.port}")
        assert run_command("get", *CODES, *options)[0::2] == (0, "")
        # Two at once: all three together are what two windows of the quota allow.
        with start_command("get", *CODES[:10], *options, deadline=70.0) as beside:
            code, out, err = run_command("get", *CODES, *options, deadline=70.0)
            other_out, other_err = beside.communicate()
        outcomes = [each.outcome for each in opend.requests if each.code]
    assert (code, beside.returncode) == (0, 0)
    assert [each["code"] for each in json.loads(out)] == CODES
    assert [each["code"] for each in json.loads(other_out)] == CODES[:10]
    refused = outcomes.count("refused")
    figure(37, answers=len(outcomes), refused=refused, largest_window=opend.largest_window)
    assert (len(outcomes), refused) == (60, 0)
    for messages in (err, other_err):
        announced = [WAITING.fullmatch(line) for line in messages.splitlines()]
        assert announced, "it did not say what it waits for"
        assert all(announced), messages
        assert announced[0] is not None
        assert 20 <= int(announced[0][1]) <= 31
