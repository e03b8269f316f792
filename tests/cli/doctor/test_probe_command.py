"""``aiocapdist doctor --probe``: what it asks, what it prints, and how it ends.

What it finds out is tested on virtual time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from aiocapdist.simulator import Assumptions, Simulator

from ..processes import COMMAND, run_command, run_here, simulator, start_command

PROBED = [
    "stock codes",
    "index codes",
    "future codes",
    "option codes",
    "etf codes",
    "crypto codes",
    "update time",
    "reply length",
    "quota owner",
    "refusals",
    "counted from",
    "refusal text",
]
SMALL = (16, 1.0)


@pytest.fixture
def opend() -> Iterator[Simulator]:
    assumed = Assumptions(quota_of="connection", refusal_text="too frequent at 10.1.2.3")
    with simulator(quota=SMALL, assumptions=assumed, seed=7) as opend:
        yield opend


def probe(opend: Simulator, *options: str) -> tuple[int, str, str]:
    return decided(run_command, "--port", str(opend.port), *options)


def decided(run: Any, *options: str) -> tuple[int, str, str]:
    """Run the probe, again if a pause of this machine took more than the quota's second allows.

    It says so then. What it finds out, and when, is tested on virtual time.
    """
    done: tuple[int, str, str] = (0, "", "")
    for _ in range(6):
        done = run("doctor", "--probe", "--yes", "--rate", "16/1", *options)
        out = " ".join(done[1].split())
        if not any(text in out for text in ("the calls took too long", "no limit was seen")):
            break
    return done


def test_the_report(opend: Simulator) -> None:
    code, out, err = probe(opend)
    assert (code, err) == (0, "aiocapdist: examining the quota takes 2 s…\n")
    lines = out.splitlines()
    assert lines[0].startswith("aiocapdist ")
    checks = [line[9:24].strip() for line in lines[2:-2] if line[:1].strip()]
    assert checks[13:] == PROBED
    assert "quota owner    each connection has a quota of its own" in out
    assert " ".join(out.split()).endswith("error code 0: too frequent at <address> all is well")
    assert "10000007" not in out


def test_the_report_for_programs(opend: Simulator) -> None:
    _, out, _ = probe(opend, "--json")
    found = {each["check"]: each["data"] for each in json.loads(out)["findings"]}
    assert [*found][13:] == PROBED
    assert found["quota owner"] == {"answer": "connection"}
    assert found["index codes"]["HK.800000"]["answer"] == "unsupported"
    assert found["update time"]["HK"] == 8.0
    assert found["refusal text"]["text"] == "too frequent at <address>"


def test_a_second_opend_of_the_account() -> None:
    with simulator(quota=SMALL) as opend, simulator(quota=SMALL, account=opend) as second:
        code, out, _ = probe(opend, "--second", f"localhost:{second.port}")
    assert code == 0
    assert "second OpenD   it is logged in to the same account" in out
    assert "the account has one quota, which all its OpenDs share" in out


def test_a_second_opend_that_does_not_tell_its_account_is_believed() -> None:
    options: Any = {"quota": SMALL, "websocket": True}
    with simulator(**options) as opend, simulator(**options, account=opend) as second:
        code, out, _ = decided(
            run_here,
            *("--address", f"ws://127.0.0.1:{opend.websocket_port}"),
            *("--second", f"ws://127.0.0.1:{second.websocket_port}"),
        )
    assert code == 0
    assert "warning  second OpenD   it does not report its account" in out
    assert "the account has one quota" in out


def test_a_second_opend_that_is_not_there(opend: Simulator) -> None:
    code, out, _ = probe(opend, "--second", "opend.invalid:1")
    assert code == 1
    assert "failed   second OpenD" in out
    assert "opend.invalid" not in out
    assert "<second host>:1" in out
    assert sum(request.proto_id == 3212 for request in opend.requests) == 1


def test_nothing_is_probed_if_a_check_failed(opend: Simulator) -> None:
    code, out, _ = probe(opend, "--code", "HK.99999")
    assert code == 1
    assert "probe" in out.splitlines()[-3]
    assert sum(request.proto_id == 3212 for request in opend.requests) == 1


def test_nobody_can_be_asked() -> None:
    with simulator() as opend:
        code, out, err = run_here("doctor", "--port", str(opend.port), "--probe")
        assert not opend.requests
    assert (code, out) == (2, "")
    assert (
        err
        == "aiocapdist: --probe spends quota and asks first, which needs a terminal: add --yes\n"
    )


def test_a_second_opend_needs_the_probe() -> None:
    code, _, err = run_here("doctor", "--second", "localhost:1")
    assert (code, err) == (2, "aiocapdist: --second is for --probe: add it\n")


def test_what_is_known_is_printed_when_it_is_interrupted() -> None:
    with simulator() as opend:
        arguments = ("doctor", "--port", str(opend.port), "--probe", "--yes", "--quota", "none")
        with start_command(*arguments) as process:
            assert process.stderr is not None
            note = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=20)
    assert note.startswith("aiocapdist: examining the quota takes 75 s")
    assert process.returncode == 130
    assert "ok       stock codes    HK.00700 has figures" in out
    assert "skipped  refusals       not found out: it ended early" in out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "goes_on"), [("n\n", False), ("\n", False), ("y\n", True)])
def test_it_asks_before_it_spends(opend: Simulator, answer: str, goes_on: bool) -> None:
    master, terminal = os.openpty()
    arguments = ("doctor", "--port", str(opend.port), "--probe", "--rate", "16/1")
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        os.close(terminal)
        os.write(master, answer.encode())
        out, err = process.communicate(timeout=30)
        os.close(master)
    assert err.startswith("The probe takes about two minutes and makes up to 60 calls")
    assert "Go on? [y/N]" in err
    assert ("quota owner" in out) == goes_on
    assert process.returncode == (0 if goes_on else 2)
    assert bool(opend.requests) == goes_on
