"""Every snippet runs as a file of its own, on real sockets, against the simulator."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from aiocapdist.simulator import Simulator

from ..embedding.opend_thread import opend_in_thread
from ..quota.redis.servers import needs_redis, running
from .pages import DOCS, SNIPPETS
from .snippets import load, main_of, opend

# Run by the test of the README, and by the test below that runs pytest.
ELSEWHERE = {"first", "my_alarm", "test_my_alarm"}


def run(name: str) -> Simulator:
    """Run a snippet's ``main`` on asyncio against a new simulator."""

    async def both() -> Simulator:
        async with opend() as simulator:
            await main_of(name)(simulator.port)
        return simulator

    return asyncio.run(both())


def asked(simulator: Simulator) -> list[str | None]:
    return [request.code for request in simulator.requests if request.proto_id == 3212]


def test_one(capsys: pytest.CaptureFixture[str]) -> None:
    run("one")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("HK.00700 ")
    assert re.fullmatch(r"made at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", second)


def test_many(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = run("many")
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == {"HK.00700", "hk.00005", "US.AAPL", "US.999999"}
    assert "try 'HK.00005'" in lines["hk.00005"]
    assert "未知股票" in lines["US.999999"]
    assert "hk.00005" not in asked(simulator)


def test_collect(capsys: pytest.CaptureFixture[str]) -> None:
    run("collect")
    lines = capsys.readouterr().out.splitlines()
    amounts = [int(line.split()[1].replace(",", "")) for line in lines[:2]]
    assert amounts == sorted(amounts, reverse=True)
    assert lines[2] == "HK.99999 UnknownSecurity"


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("HK.00700", r"[+-][\d,]+"),
        ("hk.00700", r"no such form of code; did you mean HK\.00700\?"),
        ("US..DJI", r"OpenD says no: .+"),
    ],
)
def test_failures(code: str, answer: str) -> None:
    async def ask() -> str:
        async with opend() as simulator:
            text: str = await load("failures")["ask"](code, simulator.port)
        return text

    assert re.fullmatch(answer, asyncio.run(ask()))


def test_failures_without_opend(free_tcp_port: int) -> None:
    answer = asyncio.run(load("failures")["ask"]("HK.00700", free_tcp_port))
    assert answer.startswith("the connection was refused: start OpenD")


def test_waiting(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = run("waiting")
    assert capsys.readouterr().out == "29 of 30 tokens left; five more in 0.0 s\n"
    assert asked(simulator) == ["HK.00700"]


def test_shared_quota(capsys: pytest.CaptureFixture[str]) -> None:
    async def both() -> None:
        async with opend() as one, opend() as other:
            await main_of("shared_quota")(one.port, other.port)
            assert asked(one) + asked(other) == ["HK.00700", "US.AAPL"]

    asyncio.run(both())
    assert capsys.readouterr().out == "28 tokens left for both\n"


@pytest.mark.skipif(sys.platform == "win32", reason="ledger files need flock")
def test_file_quota(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def twice() -> None:
        for _ in range(2):
            async with opend() as simulator:
                await main_of("file_quota")(simulator.port, str(tmp_path / "ledger"))

    asyncio.run(twice())
    told = "tokens left for all processes of this machine"
    assert capsys.readouterr().out == f"29 {told}\n28 {told}\n"


@needs_redis
def test_redis_quota(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def spend() -> None:
        async with opend() as simulator:
            await main_of("redis_quota")(simulator.port)

    with running() as server:
        server.warm("aiocapdist:{10000001}:3212")
        monkeypatch.setenv("AIOCAPDIST_REDIS", server.url)
        asyncio.run(spend())
    assert capsys.readouterr().out == "25 tokens left for all machines\n"


def test_gateways(capsys: pytest.CaptureFixture[str]) -> None:
    async def both() -> tuple[int, int]:
        async with opend() as one, opend() as other:
            await main_of("gateways")(one.port, other.port)
            return one.port, other.port

    ports = sorted(f"tcp://127.0.0.1:{port}" for port in asyncio.run(both()))
    assert capsys.readouterr().out == "".join(f"{name} answered 30\n" for name in ports)


def test_gateway_away(capsys: pytest.CaptureFixture[str], free_tcp_port: int) -> None:
    async def both() -> int:
        async with opend() as simulator:
            await main_of("gateway_away")(free_tcp_port, simulator.port)
            return simulator.port

    there = f"tcp://127.0.0.1:{asyncio.run(both())}"
    assert capsys.readouterr().out.splitlines() == [
        f"HK.00700 by {there}",
        f"tcp://127.0.0.1:{free_tcp_port} is away",
        f"{there} is there",
    ]


def test_long_lived(capsys: pytest.CaptureFixture[str]) -> None:
    run("long_lived")
    assert capsys.readouterr().out.startswith("HK.00700: main force ")


def test_on_trio(capsys: pytest.CaptureFixture[str]) -> None:
    async def both() -> None:
        async with opend() as simulator:
            await main_of("on_trio")(simulator.port)

    anyio.run(both, backend="trio")
    assert float(capsys.readouterr().out) != 0


def test_blocking(capsys: pytest.CaptureFixture[str]) -> None:
    with opend_in_thread() as running:
        load("blocking")["main"](running.port)
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[1:3]} == {"HK.00005", "US.AAPL"}
    assert lines[3].startswith("HK.00700 ")


def test_global_state(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = run("global_state")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("OpenD 10.11 - Hong Kong: ")
    assert "state='ready'" in second
    assert asked(simulator) == []


def test_a_users_own_tests(tmp_path: Path) -> None:
    for name in ("my_alarm.py", "test_my_alarm.py"):
        shutil.copy(SNIPPETS / name, tmp_path)
    (tmp_path / "pytest.ini").touch()
    done = subprocess.run(
        [*(sys.executable, "-m", "pytest", "-q"), *("-pno:cacheprovider", "-paiocapdist.testing")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("4 passed")


def test_every_snippet_has_a_test_and_a_page() -> None:
    snippets = {path.stem for path in SNIPPETS.glob("*.py")}
    sources = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    tested = set(re.findall(r"^def test_(\w+)\(", sources, re.M))
    assert snippets - ELSEWHERE <= tested
    pages = "".join(path.read_text("utf-8") for path in DOCS.rglob("*.md"))
    shown = set(re.findall(r"\{literalinclude\} (?:\.\./)*snippets/(\w+)\.py", pages))
    assert shown == snippets
