"""Promise 28: Ctrl-C ends the program, however often it is pressed while a client is closed.

KeyboardInterrupt at every 31st statement of the closing code, alone and followed by one at the
next statement, and at random moments, with every event loop. ``AIOCAPDIST_SCALE=31`` leaves no
statement out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ..embedding.opend_thread import opend_in_thread
from .interrupted import NOT_CLOSED
from .scale import SCALE, figure, scaled

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals to a thread")
SCENES = "idle awaited group busy"
SCENES_OF = {
    "asyncio": SCENES,
    "asyncio raising": SCENES,
    "uvloop": SCENES,
    "uvloop raising": SCENES,
    "trio": "idle group",  # it cannot be awaited there, and tasks are the nursery's
}
"""Scenes by event loop. *Raising*: with a signal handler that raises wherever the loop is."""
RUNNERS = [
    pytest.param(runner, marks=pytest.mark.uvloop if runner.startswith("uvloop") else ())
    for runner in SCENES_OF
]
STEP = 31
ENDS = {
    "KeyboardInterrupt",
    "returned",  # pressed when the program was over
    "RuntimeError('Event loop stopped before Future completed.')",  # in asyncio's own end
}
LONGEST = 5.5  # seconds: closing itself waits for at most 3, once
LONGEST_ALONE = 5.0  # seconds after one interrupt: it waits for nothing, which would take 15
SWALLOWED = "uvloop raising"
"""uvloop takes what a protocol's callback raises for an error of that connection."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with opend_in_thread(quota=None) as opend:
        yield opend.port


def interrupted(runner: str, presses: int, share: str, port: int) -> dict[str, Any]:
    """Run the program; check that each of its runs ended and left nothing behind."""
    program = [sys.executable, "-m", "tests.promises.interrupted"]
    done = subprocess.run(
        [*program, runner, SCENES_OF[runner], str(presses), share, str(port)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60.0 + 30.0 * SCALE,
    )
    assert done.returncode == 0, done.stderr[-3000:]  # a run that hangs prints where, and exits
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["runs"]
    for run in found["runs"]:
        assert run["seconds"] < (LONGEST_ALONE if presses == 1 else LONGEST), run
        if run["ended"] != NOT_CLOSED:  # else nobody can tell that its clients are gone
            assert (run["users"], run["held"]) == (0, 0), run
    return found


@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("runner", RUNNERS)
def test_interrupted_at_any_statement_of_closing(runner: str, presses: int, port: int) -> None:
    step = max(1, STEP // scaled(1))
    found = interrupted(runner, presses, f"{presses - 1}/{step}", port)
    struck = [run for run in found["runs"] if run["places"]]
    assert len(struck) > len(found["runs"]) // 2
    if runner != SWALLOWED:
        assert {run["ended"] for run in struck} == {"KeyboardInterrupt"}
    figure(
        28,
        runner=runner,
        presses=presses,
        statements=found["statements"],
        interrupted=len(struck),
        longest=max(run["seconds"] for run in struck),
        over_1_s=sum(run["seconds"] > 1.0 for run in struck),
    )


@pytest.mark.parametrize("runner", [each for each in RUNNERS if each.values != (SWALLOWED,)])
def test_interrupted_at_random_moments(runner: str, port: int) -> None:
    found = interrupted(runner, 2, f"~{scaled(8)}", port)
    assert {run["ended"] for run in found["runs"]} <= ENDS | {NOT_CLOSED}
    longest = max(run["seconds"] for run in found["runs"])
    figure(28, runner=runner, random=len(found["runs"]), longest=longest)
