"""The snippets about transports, events and other calls run, each over its own transport."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiocapdist.simulator import Simulator

from ..interop.vendor import needs_vendor
from ..support.transports import WEBSOCKET_KEY, certificate_authority, rsa_pem, server_tls
from .pages import SNIPPETS
from .snippets import load, main_of


def run_at(simulator: Simulator, name: str, address: str = "", *more: object) -> None:
    """Run a snippet's ``main`` with this simulator's port, or an address made of its ports."""

    async def both() -> None:
        async with asyncio.timeout(10), simulator as opend:
            where = address.format(opend=opend) if address else opend.port
            await main_of(name)(where, *more)

    asyncio.run(both())


def test_transport_tcp(capsys: pytest.CaptureFixture[str]) -> None:
    run_at(Simulator(seed=1), "transport_tcp")
    first, second = capsys.readouterr().out.splitlines()
    assert first == "OpenD 10.11 by tcp, user 10000001"
    assert second.startswith("HK.00700: net ")


def test_transport_encrypted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_bytes(rsa_pem())
    run_at(Simulator(rsa_key=key), "transport_encrypted", "", str(key))
    assert capsys.readouterr().out.splitlines()[0] == "encrypted"


def test_transport_websocket(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPEND_WEBSOCKET_KEY", WEBSOCKET_KEY)
    opend = Simulator(websocket=True, websocket_key=WEBSOCKET_KEY)
    run_at(opend, "transport_websocket", "ws://127.0.0.1:{opend.websocket_port}")
    assert capsys.readouterr().out.splitlines()[0] == "OpenD 10.11 by ws"


def test_transport_wss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPEND_WEBSOCKET_KEY", WEBSOCKET_KEY)
    certificate = tmp_path / "opend-certificate.pem"
    certificate_authority().cert_pem.write_to_path(str(certificate))
    opend = Simulator(websocket=True, websocket_key=WEBSOCKET_KEY, ssl_context=server_tls())
    url = "wss://127.0.0.1:{opend.websocket_port}"
    run_at(opend, "transport_wss", url, str(certificate))
    assert capsys.readouterr().out.splitlines()[0] == "encrypted"


def test_events(capsys: pytest.CaptureFixture[str]) -> None:
    run_at(Simulator(), "events")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "connected, as 1"
    assert "the 31st has to wait" in printed
    assert any(line.startswith("1 in line, the next goes in ") for line in printed)
    assert printed[-1].startswith("disconnected: ")


def test_own_answers(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(main_of("own_answers")())
    assert capsys.readouterr().out == "HELLO\n"


def test_with_faults(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(main_of("with_faults")())
    printed = capsys.readouterr().out
    assert printed.startswith("50 of 50 answered all the same; ")
    assert "Fault.DROP" in printed


def test_in_fastapi() -> None:
    testclient = pytest.importorskip("fastapi.testclient", reason="FastAPI is not installed")

    async def serve(asked: list[str]) -> list[tuple[int, object]]:
        async with Simulator(seed=1) as opend:
            snippet = load("in_fastapi")
            snippet["lifespan"].__wrapped__.__globals__["PORT"] = opend.port

            def ask() -> list[tuple[int, object]]:
                with testclient.TestClient(snippet["app"]) as web:
                    return [(reply.status_code, reply.json()) for reply in map(web.get, asked)]

            return await asyncio.to_thread(ask)

    good, bad, unknown = asyncio.run(serve(["/HK.00700", "/hk.00700", "/HK.99999"]))
    assert good[0] == 200
    assert isinstance(good[1], dict)
    assert good[1]["code"] == "HK.00700"
    assert bad[0] == 422
    assert "try 'HK.00700'" in str(bad[1])
    assert unknown == (404, {"detail": "there is no HK.99999"})


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
        await snippet["main"](opend.port)

asyncio.run(main())
sys.stdout.flush()
os._exit(0)
"""


@needs_vendor
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
