"""The snippets about watches and capital flow, against the simulator."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from google.protobuf.message import Message

from aiocapdist._pb import capital_distribution_pb2
from aiocapdist._requests.rounds import Rounds

from ..support.market_hours import SetClock
from ..support.scripted_server import figures_reply
from ..support.transports import asked_codes
from .snippets import main_of, opend, shown_output


def run(name: str, capsys: pytest.CaptureFixture[str], lines: int, **options: Any) -> list[str]:
    """Run a snippet until it has printed this many lines, or ends."""
    printed: list[str] = []

    async def both() -> None:
        async with opend(**options) as simulator:
            task = asyncio.ensure_future(main_of(name)())
            while len(printed) < lines and not task.done():
                await asyncio.sleep(0.01)
                printed.extend(capsys.readouterr().out.splitlines())
            task.cancel()
            await asyncio.wait([task])
            printed.append(f"{len(asked_codes(simulator))} requests")

    asyncio.run(both())
    return printed


def test_watch(capsys: pytest.CaptureFixture[str]) -> None:
    *lines, _ = run("watch", capsys, 3)
    assert sorted(lines) == sorted(shown_output("watch").splitlines())


def test_watch_alarm(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """At a faster pace, with a main force that changes its mind each time."""
    rounds = "aiocapdist._requests.watch_source.Rounds"
    monkeypatch.setattr(rounds, lambda every, rate: Rounds(0.02, 1000.0))
    asked: Counter[str] = Counter()

    def answer(body: bytes) -> Message:
        code = capital_distribution_pb2.Request.FromString(body).c2s.security.code
        asked[code] += 1
        return figures_reply(3.0 if asked[code] % 2 else 0.0)

    *lines, _ = run("watch_alarm", capsys, 4, answers={3212: answer}, now=SetClock())
    for code in ("HK.00700", "HK.00005"):
        told = [line.removeprefix(f"{code} ") for line in lines if line.startswith(code)]
        assert told[:2] == ["the main force began to sell", "the main force began to buy"]


def test_watch_codes(capsys: pytest.CaptureFixture[str]) -> None:
    *lines, requests = run("watch_codes", capsys, 4)
    assert lines == shown_output("watch_codes").splitlines()
    assert requests == "3 requests"


def test_capital_flow(capsys: pytest.CaptureFixture[str]) -> None:
    *lines, _ = run("capital_flow", capsys, 4)
    assert lines == shown_output("capital_flow").splitlines()
