"""Programs with aiocapdist and with futu-api: both do the same, and the page counts their lines."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiocapdist import CapitalDistribution, Market
from aiocapdist.quota._file.snapshot import snapshot_of_file

from ..embedding.opend_thread import OpendThread, opend_in_thread
from ..interop.vendor import VENDORS_LOG, needs_vendor
from ..quota.redis.servers import needs_redis, running
from .pages import DOCS, SNIPPETS, rows

PROGRAMS = SNIPPETS / "programs"
PAGE = (DOCS / "programs.md").read_text("utf-8")
NAMES = sorted({path.stem.rpartition("_")[0] for path in PROGRAMS.glob("*_*.*py")})
PRINTING = ["one", "rank", "store", "frame", "script", "bot", "processes"]
SOONER = {
    "11111": "{port}",
    "range(1, 41)": "range(1, 21)",
    "time.sleep(1)": "time.sleep(0)",
    "self.last + 1": "self.last",
    "every=60.0": "every=0.1",
    "max(0.0, 60 -": "max(0.0, 0.1 -",
    "time.sleep(turns[0] + 30.5 - now)": "context.close(); raise SystemExit",
}
"""What tests do not wait for: the paces are for an OpenD that counts."""

pytestmark = [
    pytest.mark.interop,
    needs_vendor,
    pytest.mark.skipif(sys.platform == "win32", reason="uses flock"),
]


@pytest.fixture
def opend() -> Iterator[OpendThread]:
    with opend_in_thread(seed=1, now=lambda: 1_741_055_400.0, quota=(60, 30.0)) as running:
        yield running


def start(name: str, port: int, home: Path, *prefix: str, **env: str) -> subprocess.Popen[str]:
    """Start a program as a user would, or what ``prefix`` makes of its file."""
    (path,) = PROGRAMS.glob(f"{name}.*py")
    script = home / path.name
    if not script.exists():  # another process may be reading it
        text = path.read_text("utf-8")
        for said, meant in SOONER.items():
            text = text.replace(said, meant.format(port=port))
        script.write_text(text, "utf-8")
    # The vendor's client makes this folder, and fails if another process does so at the same time.
    (home / ".com.futunn.FutuOpenD" / "Log").mkdir(parents=True, exist_ok=True)
    address = f"tcp://127.0.0.1:{port}"
    return subprocess.Popen(
        [sys.executable, *prefix, str(script)],
        env={**os.environ, "HOME": str(home), "AIOCAPDIST_ADDRESS": address, **env},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: subprocess.Popen[str]) -> list[str]:
    """Wait for a program, which must succeed, and return its lines, the vendor's log aside."""
    out, err = process.communicate(timeout=110)
    assert process.returncode == 0, out + err
    return VENDORS_LOG.sub("", out).splitlines()


@pytest.mark.parametrize("name", PRINTING)
def test_both_print_the_same(name: str, opend: OpendThread, tmp_path: Path) -> None:
    if name == "store" and importlib.util.find_spec("sqlalchemy") is None:
        pytest.skip("SQLAlchemy is not installed")
    ours = printed(start(f"{name}_ours", opend.port, tmp_path))
    theirs = printed(start(f"{name}_futu", opend.port, tmp_path))
    assert sorted(ours) == sorted(theirs)  # outcomes come as they come
    assert ours


def calls(opend: OpendThread) -> int:
    return sum(request.proto_id == 3212 for request in opend.opend.requests)


def test_two_processes_share_the_quota(tmp_path: Path) -> None:
    """Of 40 calls the last ten wait, for a period that no test does."""
    ledger = tmp_path / "capdist.quota"
    with opend_in_thread(seed=1, quota=None) as opend:
        both = [start("processes_ours", opend.port, tmp_path) for _ in range(2)]
        while True:
            codes = [process.poll() for process in both]
            running, done = codes.count(None), calls(opend)
            assert running
            assert set(codes) <= {None, 0}
            assert done <= 30
            if done == 30 and snapshot_of_file(ledger).waiting == running:
                break
            time.sleep(0.01)  # OpenD runs in this process too
        for process in both:
            process.kill()
            process.communicate()
        assert calls(opend) == 30


def test_two_processes_of_the_vendor_share_a_file(tmp_path: Path) -> None:
    with opend_in_thread(seed=1, quota=None) as opend:
        both = [start("processes_futu", opend.port, tmp_path) for _ in range(2)]
        assert sum(len(printed(process)) for process in both) == calls(opend) == 30


@needs_redis
def test_machines(opend: OpendThread, tmp_path: Path) -> None:
    with running() as server:
        server.warm("aiocapdist:{10000001}:3212")
        url = {"AIOCAPDIST_REDIS": server.url}
        ours = printed(start("machines_ours", opend.port, tmp_path, **url))
        theirs = printed(start("machines_futu", opend.port, tmp_path, **url))
    assert sorted(ours) == sorted(theirs)
    assert len(ours) == 2


def swinging() -> Any:
    """Figures whose main force buys and sells in turn."""
    turns = itertools.count()

    def figures(code: str) -> CapitalDistribution:
        tiers = ("super", "big", "mid", "small")
        names = [f"capital_{side}_{tier}" for side in ("in", "out") for tier in tiers]
        amounts = {**dict.fromkeys(names, 1.0), "code": code, "market": Market.HK}
        amounts["capital_in_big"] = 5.0 if next(turns) // 2 % 2 else 0.0
        return CapitalDistribution.model_validate(amounts)

    return figures


@pytest.mark.parametrize("kind", ["ours", "futu"])
def test_watch(kind: str, tmp_path: Path) -> None:
    morning = 1_741_055_400.0  # the market is open
    with opend_in_thread(figures=swinging(), quota=None, now=lambda: morning) as opend:
        process = start(f"watch_{kind}", opend.port, tmp_path)
        assert process.stdout is not None
        alarms = (line for line in process.stdout if not VENDORS_LOG.match(line))
        seen = {next(alarms).strip() for _ in range(4)}
        process.kill()
        process.communicate()
    assert {line.split()[1] for line in seen} == {"bought", "sold"}


WEB = """
import os, runpy, sys
from fastapi.testclient import TestClient
with TestClient(runpy.run_path(sys.argv[1])["app"]) as web:
    found = web.get("/HK.00700")
    others = [web.get(path).status_code for path in ("/HK.99999", "/US..DJI")]
    print(found.status_code, found.json(), others, flush=True)
os._exit(0)
"""
NOTEBOOK = """
import os, sys
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
done = InteractiveShell.instance().run_cell(Path(sys.argv[1]).read_text("utf-8"))
html = done.result._repr_html_() if done.success else ""
print(html.lstrip().startswith(("<table", "<div")), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(importlib.util.find_spec("fastapi") is None, reason="FastAPI is not installed")
def test_web(opend: OpendThread, tmp_path: Path) -> None:
    ours = printed(start("web_ours", opend.port, tmp_path, "-c", WEB))
    theirs = printed(start("web_futu", opend.port, tmp_path, "-c", WEB))
    assert ours == theirs
    assert re.fullmatch(r"200 [\d.]+ \[404, 404\]", ours[0])


@pytest.mark.skipif(importlib.util.find_spec("IPython") is None, reason="IPython is not installed")
@pytest.mark.parametrize("kind", ["ours", "futu"])
def test_notebook(kind: str, opend: OpendThread, tmp_path: Path) -> None:
    assert printed(start(f"notebook_{kind}", opend.port, tmp_path, "-c", NOTEBOOK))[-1] == "True"


@pytest.mark.parametrize("kind", ["ours", "futu"])
def test_test(kind: str, opend: OpendThread, tmp_path: Path) -> None:
    options = ("-m", "pytest", "-q", "-pno:cacheprovider", "-paiocapdist.testing")
    lines = printed(start(f"test_{kind}", opend.port, tmp_path, *options))
    assert any(line.startswith("1 passed") for line in lines)


def count(name: str) -> int:
    """Number of lines with code."""
    (path,) = PROGRAMS.glob(f"{name}.*py")
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def test_the_page_counts_every_program() -> None:
    table = [row for row in rows(PAGE) if row[1].isdecimal()]
    told = {tuple(map(int, row[1:3])) for row in table}
    assert len(table) == len(NAMES) == 12
    assert told == {(count(f"{name}_ours"), count(f"{name}_futu")) for name in NAMES}
    shown = set(re.findall(r"snippets/programs/(\w+)\.i?py", PAGE))
    assert shown == {f"{name}_{kind}" for name in NAMES for kind in ("ours", "futu")}
