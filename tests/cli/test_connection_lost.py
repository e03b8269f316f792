"""OpenD goes away in the middle of a list."""

from __future__ import annotations

import _thread
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from aiocapdist.cli import options
from aiocapdist.cli.app import run
from aiocapdist.simulator import Fault, Faults

from .processes import simulator


def test_if_opend_stays_away_the_remaining_codes_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "RECONNECT_TIMEOUT", 0.5)
    under_way = threading.Event()

    def delays() -> Iterator[tuple[float, float]]:
        yield 0.0, 0.0
        while True:
            under_way.set()
            yield 0.0, 60.0

    with ExitStack() as stack:
        opend = stack.enter_context(simulator())
        monkeypatch.setattr(opend, "_draw_delays", delays().__next__)

        def vanish() -> None:
            under_way.wait(20.0)
            stack.close()

        vanishing = threading.Thread(target=vanish)
        vanishing.start()
        where = f"127.0.0.1:{opend.port}"
        deadline = threading.Timer(20.0, _thread.interrupt_main)
        deadline.start()
        code = run(
            ["get", "HK.00001", "HK.00002", "HK.00003", "--address", where, "--format", "json"]
        )
        deadline.cancel()
        vanishing.join(20.0)
    out, err = capsys.readouterr()
    assert code == 1
    answered, *failed = json.loads(out)
    assert answered["capital_in_big"] > 0
    assert [(record["code"], record["error"]["type"]) for record in failed] == [
        ("HK.00002", "ConnectionLost"),
        ("HK.00003", "ConnectionLost"),
    ]
    messages = err.splitlines()
    assert messages[0].startswith("aiocapdist: connection to OpenD lost: ")
    assert [line for line in messages if line.startswith("aiocapdist: HK.00002: ")]
    assert "OpenD has been away for 0.5 s" in messages[-1]
    assert messages[-1].startswith("aiocapdist: HK.00003: ")


def test_a_slow_opend_is_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with simulator(latency=0.3) as opend:
        where = f"127.0.0.1:{opend.port}"
        assert run(["get", "HK.00001", "HK.00002", "--address", where, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert {record["code"] for record in json.loads(out)} == {"HK.00001", "HK.00002"}
    assert err == ""


def test_an_opend_that_comes_back_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first reply is the figure of HK.00001; the second finds OpenD gone for a while.
    faults = Faults(script=[None, Fault.AWAY], away=0.3)
    with simulator(faults=faults) as opend:
        address = f"127.0.0.1:{opend.port}"
        assert run(["get", "HK.00001", "HK.00002", "--address", address, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert [record["code"] for record in json.loads(out)] == ["HK.00001", "HK.00002"]
    messages = err.splitlines()
    assert messages[0].startswith("aiocapdist: connection to OpenD lost: ")
    assert messages[-1] == "aiocapdist: connected to OpenD again"
