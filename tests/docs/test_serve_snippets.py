"""The examples of the page about ``serve``, against the server: shell, JavaScript, Go, FastAPI."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ..cli.processes import start_command
from ..support.web import visitor_of
from .pages import DOCS, SNIPPETS
from .snippets import load, opend

PAGE = (DOCS / "guides" / "serve.md").read_text("utf-8")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server with simulated figures."""
    arguments = ("serve", "HK.00700", "US.AAPL", "HK.99999", "--simulate", "--port", "0")
    with start_command(*arguments, deadline=120) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[1].split("/ ")[0]
        wait_until_ready(address)
        yield address


def wait_until_ready(address: str) -> None:
    """Wait until the server is connected to OpenD; it tells its address before."""
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{address}/readyz").raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def run(*command: str) -> list[str]:
    """Run a program until it has printed a line for each code, or ends."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if len(lines) == 3:
                break
        process.kill()
    return lines


def check(lines: list[str]) -> None:
    shown = dict(line.split(" ") for line in lines)
    assert set(shown) == {"HK.00700", "US.AAPL", "HK.99999"}
    assert shown["HK.99999"] == "UnknownSecurity"
    float(shown["HK.00700"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_shell(server: str) -> None:
    command = ("sh", "-e", str(SNIPPETS / "serve_get.sh"), server)
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True)
    one, _, rest = done.stdout.partition("}[")
    assert json.loads(one + "}")["code"] == "HK.00700"
    many, _, events = f"[{rest}".partition("]retry")
    assert [each["code"] for each in json.loads(f"{many}]")] == ["HK.00700", "US.AAPL"]
    assert "event: change" in events


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_javascript(server: str) -> None:
    check(run("node", str(SNIPPETS / "serve_watch.mjs"), server))


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_go(server: str, tmp_path: Path) -> None:
    program = str(tmp_path / "watch")
    # Not `go run`, whose program goes on when it is killed. It needs no compiler of C.
    cache = {"CGO_ENABLED": "0", "GOCACHE": str(tmp_path / "cache")}
    build = ("go", "build", "-o", program, str(SNIPPETS / "serve_watch.go"))
    subprocess.run(build, check=True, env={**os.environ, **cache}, timeout=120)
    check(run(program, server))


def test_serve_mounted() -> None:
    async def visit() -> None:
        async with opend():
            app = load("serve_mounted")["app"]
            async with app.router.lifespan_context(app), visitor_of(app) as http:
                assert (await http.get("/hello")).json() == "beside /capital/"
                answer = await http.get("/capital/v1/capital-distribution/US.AAPL")
                assert answer.json()["code"] == "US.AAPL"

    asyncio.run(visit())


@pytest.mark.parametrize("name", ["desktop", "phone", "dark", "chinese", "lost"])
def test_each_picture_is_there_and_shown(name: str) -> None:
    """They are taken by tests/web/test_page.py."""
    picture = DOCS / "guides" / "serve" / f"{name}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"serve/{name}.png" in PAGE


def test_every_path_and_event_is_told() -> None:
    from aiocapdist.web._openapi import description

    paths = set(description("0", with_token=False)["paths"]) - {"/v1/session"}
    assert {path for path in paths if f"`{path}" not in PAGE} == set()
    for kind in ("watch", "change", "status", "curve", "ping"):
        assert f"| `{kind}` |" in PAGE
