"""Every snippet runs as a file of its own, on real sockets, against the simulator."""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from aiocapdist.simulator import Simulator

from ..embedding.opend_thread import opend_in_thread
from ..quota.redis.servers import needs_redis, running
from .pages import DOCS, SNIPPETS, first_block
from .snippets import MORNING, load, main_of, opend, shown_output

# Run by the test of the README, and by the test below that runs pytest.
ELSEWHERE = {"first", "my_alarm", "test_my_alarm"}


def run(name: str) -> Simulator:
    """Run a snippet's ``main`` on asyncio against a new simulator."""

    async def both() -> Simulator:
        async with opend() as simulator:
            await main_of(name)()
        return simulator

    return asyncio.run(both())


def asked(simulator: Simulator) -> list[str | None]:
    return [request.code for request in simulator.requests if request.proto_id == 3212]


def run_and_compare(name: str, capsys: pytest.CaptureFixture[str]) -> Simulator:
    """Run a snippet: it prints what its page shows."""
    simulator = run(name)
    assert capsys.readouterr().out == shown_output(name)
    return simulator


def test_one(capsys: pytest.CaptureFixture[str]) -> None:
    run_and_compare("one", capsys)


def test_many(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = run_and_compare("many", capsys)
    assert "hk.00005" not in asked(simulator)


def test_collect(capsys: pytest.CaptureFixture[str]) -> None:
    run_and_compare("collect", capsys)


def test_rank(capsys: pytest.CaptureFixture[str]) -> None:
    run_and_compare("rank", capsys)


def test_frames(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    run_and_compare("frames", capsys)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("HK.00700", r"[+-][\d,]+"),
        ("hk.00700", r"check the code: .+; try 'HK\.00700'"),
        ("US..DJI", r"OpenD answered: .+"),
    ],
)
def test_failures(code: str, answer: str) -> None:
    async def ask() -> str:
        async with opend():
            text: str = await load("failures")["ask"](code)
        return text

    assert re.fullmatch(answer, asyncio.run(ask()))


def test_failures_without_opend(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOCAPDIST_ADDRESS", f"tcp://127.0.0.1:{closed_port}")
    answer = asyncio.run(load("failures")["ask"]("HK.00700"))
    assert answer.startswith("the connection was refused: start OpenD")


def test_waiting(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = run_and_compare("waiting", capsys)
    assert asked(simulator) == ["HK.00700"]


def run_with_two(name: str) -> tuple[Simulator, Simulator]:
    """Run a snippet that uses the ports 11111 and 11112."""

    async def both() -> tuple[Simulator, Simulator]:
        async with opend() as one, opend() as other:
            ports = {"11111": str(one.port), "11112": str(other.port)}
            await main_of(name, ports)()
            return one, other

    return asyncio.run(both())


def as_on_the_page(printed: str, one: int, other: int) -> str:
    return printed.replace(str(one), "11111").replace(str(other), "11112")


def test_shared_quota(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = run_with_two("shared_quota")
    assert asked(one) + asked(other) == ["HK.00700", "US.AAPL"]
    assert capsys.readouterr().out == shown_output("shared_quota")


@pytest.mark.skipif(sys.platform == "win32", reason="ledger files need flock")
def test_file_quota(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for left in ("29", "28"):
        run("file_quota")
        assert capsys.readouterr().out == shown_output("file_quota").replace("29", left)


@needs_redis
def test_redis_quota(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as server:
        server.warm("aiocapdist:{10000001}:3212")
        monkeypatch.setenv("AIOCAPDIST_REDIS", server.url)
        run_and_compare("redis_quota", capsys)


def test_gateways(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (simulator.port for simulator in run_with_two("gateways"))
    printed = as_on_the_page(capsys.readouterr().out, one, other)
    assert sorted(printed.splitlines()) == shown_output("gateways").splitlines()


def test_gateway_away(capsys: pytest.CaptureFixture[str], closed_port: int) -> None:
    async def both() -> int:
        async with opend() as simulator:
            ports = {"11111": str(closed_port), "11112": str(simulator.port)}
            await main_of("gateway_away", ports)()
            return simulator.port

    there = asyncio.run(both())
    printed = as_on_the_page(capsys.readouterr().out, closed_port, there)
    assert printed == shown_output("gateway_away")


def test_long_lived(capsys: pytest.CaptureFixture[str]) -> None:
    run_and_compare("long_lived", capsys)


def test_on_trio(capsys: pytest.CaptureFixture[str]) -> None:
    async def both() -> None:
        async with opend():
            await main_of("on_trio")()

    anyio.run(both, backend="trio")
    assert capsys.readouterr().out == shown_output("on_trio")


def test_the_cell_of_the_notebook_page() -> None:
    """Cells await at top level; the last value is what a notebook shows."""
    *setup, last = first_block(DOCS / "guides" / "notebooks.md", "python").strip().splitlines()
    cell = "\n".join([*setup, f"shown = {last}", "await client.aclose()"])
    code = compile(cell, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def run_cell() -> dict[str, Any]:
        names: dict[str, Any] = {}
        async with opend():
            await eval(code, names)
        return names

    shown = asyncio.run(run_cell())["shown"]
    assert list(shown.values) == ["HK.00700", "HK.00005", "US.AAPL"]


def test_blocking(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with opend_in_thread(seed=1, now=lambda: MORNING) as running:
        monkeypatch.setenv("AIOCAPDIST_ADDRESS", f"tcp://127.0.0.1:{running.port}")
        load("blocking")["main"]()
    assert capsys.readouterr().out == shown_output("blocking")


def test_global_state(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = run_and_compare("global_state", capsys)
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
