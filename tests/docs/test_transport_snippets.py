"""The snippets about transports, events and other calls run, each over its own transport."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest

from ..interop.vendor import needs_vendor
from ..support.transports import WEBSOCKET_KEY, certificate_authority, rsa_pem, server_tls
from .pages import SNIPPETS
from .snippets import load, main_of, opend, shown_output


def run_at(name: str, replaced: dict[str, str] | None = None, **options: Any) -> None:
    """Run a snippet's ``main`` against a simulator with these options.

    `replaced` has the page's texts, and what the test has for them: names of the simulator's
    attributes in braces.
    """

    async def both() -> None:
        async with opend(**options) as simulator:
            own = {text: other.format(opend=simulator) for text, other in (replaced or {}).items()}
            await main_of(name, own)()

    asyncio.run(both())


def test_transport_tcp(capsys: pytest.CaptureFixture[str]) -> None:
    run_at("transport_tcp")
    assert capsys.readouterr().out == shown_output("transport_tcp")


def test_transport_encrypted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key = tmp_path / "opend-key.pem"
    key.touch(mode=0o600)
    key.write_bytes(rsa_pem())
    run_at("transport_encrypted", rsa_key=key)
    assert capsys.readouterr().out == shown_output("transport_encrypted")


def test_transport_websocket(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPEND_WEBSOCKET_KEY", WEBSOCKET_KEY)
    port = {"33333": "{opend.websocket_port}"}
    run_at("transport_websocket", port, websocket=True, websocket_key=WEBSOCKET_KEY)
    assert capsys.readouterr().out == shown_output("transport_websocket")


def test_transport_wss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPEND_WEBSOCKET_KEY", WEBSOCKET_KEY)
    monkeypatch.chdir(tmp_path)
    certificate_authority().cert_pem.write_to_path("opend-certificate.pem")
    where = {"opend.example:33333": "127.0.0.1:{opend.websocket_port}"}
    options = {"websocket_key": WEBSOCKET_KEY, "ssl_context": server_tls()}
    run_at("transport_wss", where, websocket=True, **options)
    assert capsys.readouterr().out == shown_output("transport_wss")


def test_events(capsys: pytest.CaptureFixture[str]) -> None:
    run_at("events")
    printed = capsys.readouterr().out.splitlines()
    shown = shown_output("events").splitlines()
    assert [line.split()[0] for line in printed] == [line.split()[0] for line in shown]
    assert printed[0] == "connected, as 1"
    assert "the 31st has to wait" in printed
    assert any(line.startswith("1 in line, the next goes in ") for line in printed)
    assert printed[-1].startswith("disconnected: ")


def test_own_answers(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(main_of("own_answers")())
    assert capsys.readouterr().out == shown_output("own_answers")


def test_with_faults(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(main_of("with_faults")())
    assert capsys.readouterr().out == shown_output("with_faults")


def test_in_fastapi() -> None:
    testclient = pytest.importorskip("fastapi.testclient", reason="FastAPI is not installed")

    async def serve(asked: list[str]) -> list[tuple[int, Any, Any]]:
        async with opend():
            app = load("in_fastapi")["app"]

            def ask() -> list[tuple[int, Any, Any]]:
                with testclient.TestClient(app) as web:
                    replies = [web.get(path) for path in asked]
                return [(reply.status_code, reply.json(), reply.headers) for reply in replies]

            return await asyncio.to_thread(ask)

    good, bad, unknown, index = asyncio.run(
        serve(["/HK.00700", "/hk.00700", "/HK.99999", "/US..DJI"])
    )
    assert good[0] == 200
    assert good[1]["code"] == "HK.00700"
    assert bad[0] == 422
    assert "try 'HK.00700'" in str(bad[1])
    assert unknown[0] == 404
    assert index[0] == 404


def test_in_fastapi_when_the_quota_is_spent() -> None:
    testclient = pytest.importorskip("fastapi.testclient", reason="FastAPI is not installed")

    async def serve() -> list[tuple[int, str | None]]:
        async with opend():
            app = load("in_fastapi")["app"]

            def ask() -> list[tuple[int, str | None]]:
                with testclient.TestClient(app) as web:
                    replies = [web.get(f"/HK.{n:05d}") for n in range(1, 32)]
                return [(reply.status_code, reply.headers.get("retry-after")) for reply in replies]

            return await asyncio.to_thread(ask)

    *_, last = asyncio.run(serve())
    assert last[0] == 429
    assert 20 <= int(last[1] or "") <= 31


def test_in_fastapi_while_opend_is_away() -> None:
    testclient = pytest.importorskip("fastapi.testclient", reason="FastAPI is not installed")

    async def serve() -> int:
        async with opend() as simulator:
            app = load("in_fastapi", {"max_wait=5.0": "max_wait=0.1"})["app"]

            def ask() -> int:
                with testclient.TestClient(app) as web:
                    anyio.from_thread.run(simulator.go_away)
                    status: int = web.get("/HK.00001").status_code
                    return status

            return await anyio.to_thread.run_sync(ask)

    assert asyncio.run(serve()) == 503


# In a process of its own: the vendor's package starts threads and writes logs.
_WITH_THE_VENDOR = """
import asyncio, runpy, sys, warnings
warnings.simplefilter("ignore")
snippet = runpy.run_path(sys.argv[1])
import os
from futu.common.pb import Qot_GetCapitalFlow_pb2 as capital_flow
from aiocapdist.simulator import Simulator

def answer(body):
    request = capital_flow.Request.FromString(body)
    reply = capital_flow.Response(retType=0)
    reply.s2c.flowItemList.add(inFlow=float(request.c2s.security.code), time="09:30")
    return reply

async def main():
    async with Simulator(answers={3211: answer}) as opend:
        os.environ["AIOCAPDIST_ADDRESS"] = f"tcp://127.0.0.1:{opend.port}"
        await snippet["main"]()

asyncio.run(main())
sys.stdout.flush()
os._exit(0)
"""


@needs_vendor
@pytest.mark.interop
def test_vendors_classes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITH_THE_VENDOR, str(SNIPPETS / "vendors_classes.py")],
        env={**os.environ, "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["09:30 +700"], done.stderr
