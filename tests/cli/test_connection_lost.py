"""OpenD goes away in the middle of a list."""

from __future__ import annotations

import _thread
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from aiocapdist.cli import sweep
from aiocapdist.cli.app import run
from aiocapdist.cli.sweep import ReconnectDeadline

from .processes import simulator


def test_if_opend_stays_away_the_remaining_codes_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "RECONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr(sweep, "CHECK_INTERVAL", 0.05)
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
    first, *lines = err.splitlines()
    assert first == "aiocapdist: the connection to OpenD is lost; trying again for 0.5 s"
    assert [line.split(": ")[1] for line in lines] == ["HK.00002", "HK.00003"]
    assert "it did not come back within 0.5 s" in lines[0]


def test_a_slow_opend_is_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "CHECK_INTERVAL", 0.02)
    with simulator(latency=0.3) as opend:
        where = f"127.0.0.1:{opend.port}"
        assert run(["get", "HK.00001", "HK.00002", "--address", where, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert {record["code"] for record in json.loads(out)} == {"HK.00001", "HK.00002"}
    assert err == ""


def test_the_deadline_counts_from_each_loss(capsys: pytest.CaptureFixture[str]) -> None:
    moments = [
        ("ready", 0.0),
        ("reconnecting", 1000.0),
        ("reconnecting", 1059.0),
        ("ready", 1060.0),
        ("ready", 1061.0),
        ("reconnecting", 1062.0),
        ("reconnecting", 1121.9),
        ("reconnecting", 1122.0),
    ]
    seen: list[bool] = []
    deadline = ReconnectDeadline(lambda: moments[len(seen)][0], lambda: moments[len(seen)][1])
    for _ in moments:
        seen.append(deadline.is_over())
    assert seen == [False] * 7 + [True]
    lost = "aiocapdist: the connection to OpenD is lost; trying again for 60 s"
    back = "aiocapdist: connected to OpenD again"
    assert capsys.readouterr().err.splitlines() == [lost, back, lost]
