"""Checks on the way to OpenD, over real sockets."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import anyio
import pytest
from anyio.abc import ByteStream

import aiocapdist
from aiocapdist._connection.address import Address
from aiocapdist.cli.doctor.reaching import check_handshake, check_port
from aiocapdist.simulator import Simulator

from ...support.ports import kept_port
from ...support.tcp_server import hang_up, replying, tcp_server
from ...support.transports import WEBSOCKET_KEY, Transport, rsa_pem
from .checkups import check, states

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("patient_probe")]
WAY = ("name", "port", "listener", "handshake", "key")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(rsa_pem())
    return path


async def test_all_is_well() -> None:
    async with Simulator() as opend:
        found = await check(opend.port)
    assert states(found, *WAY) == ["ok", "ok", "ok", "ok", "skipped"]
    assert found["name"].text == "127.0.0.1 is an address"
    assert found["port"].text == f"port {opend.port} is open at 127.0.0.1"
    assert found["handshake"].text.endswith(" ms over tcp, not encrypted")
    assert found["key"].text == "none is given: needed only if OpenD has an RSA key"


async def test_an_unknown_name() -> None:
    found = await check(11111, host="opend.invalid")
    assert states(found, *WAY) == ["failed", *["skipped"] * 4]
    assert found["name"].text == "opend.invalid: the host name cannot be resolved"
    assert found["name"].advice == "check its spelling"


@pytest.mark.parametrize("host", ["a" * 64, "\u00f6pend..invalid"])
async def test_what_is_no_name(host: str) -> None:
    found = await check(11111, host=host)
    assert found["name"].state == "failed"
    assert found["name"].advice == "check its spelling"


async def test_a_name_shows_its_addresses() -> None:
    async with Simulator() as opend:
        found = await check(opend.port, host="localhost")
    assert found["name"].text.startswith("localhost has ")
    assert "127.0.0.1" in found["name"].text
    assert "127.0.0.1" in found["port"].text
    assert found["handshake"].state == "ok"


async def test_a_closed_port(closed_port: int) -> None:
    found = await check(closed_port)
    assert states(found, *WAY) == ["ok", "failed", "skipped", "skipped", "skipped"]
    assert found["port"].text == f"port {closed_port}: the connection was refused"
    assert found["port"].advice == (
        f"start OpenD and log in, and check that its API port is {closed_port}"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second address of loopback")
async def test_a_port_that_is_open_at_some_addresses_only() -> None:
    with kept_port("127.0.0.1") as port, kept_port("127.0.0.2", port):
        address = Address("tcp", "opend.lan", port)
        async with Simulator(port=port) as opend:
            found = await check_port(address, ["127.0.0.2", "127.0.0.1"], 5.0)
            assert found.state == "ok"
            assert found.text == f"port {opend.port} is open at 127.0.0.1, not at 127.0.0.2"
        found = await check_port(address, ["127.0.0.2", "127.0.0.1"], 5.0)
    assert found.state == "failed"
    assert found.text.endswith(": the connection was refused (127.0.0.2, 127.0.0.1)")


async def test_an_unencrypted_connection_to_another_machine() -> None:
    async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
        warning = "the connection to opend.lan is not encrypted: anybody can read it; use wss://"
        found = check_handshake(client, 0.003, [warning])
    assert (found.state, found.advice) == ("warning", "use wss://")
    assert found.text == (
        "answered in 3 ms over tcp, not encrypted; the connection to opend.lan is not encrypted: "
        "anybody can read it"
    )


async def test_another_protocol() -> None:
    async with tcp_server(replying(b"HTTP/1.1 400 Bad Request\r\n\r\n", stay=False)) as port:
        found = await check(port)
    assert states(found, *WAY) == ["ok", "ok", "failed", "failed", "skipped"]
    assert found["listener"].text.startswith("what listens there speaks HTTP")
    assert "use ws://" in (found["listener"].advice or "")
    assert "the peer speaks HTTP" in found["handshake"].text


async def test_one_that_hangs_up() -> None:
    async with tcp_server(hang_up) as port:
        found = await check(port)
    assert states(found, *WAY) == ["ok", "ok", "warning", "failed", "skipped"]
    assert "ss -ltnp" in (found["listener"].advice or "")
    assert "whether OpenD expects encryption" in (found["handshake"].advice or "")


async def test_one_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiocapdist._connection.probe._TIMEOUT", 0.2)

    async def stay(stream: ByteStream) -> None:
        while True:
            await stream.receive()

    async with tcp_server(stay) as port:
        found = await check(port, timeout=2.0)
    assert found["handshake"].text == "the handshake failed: no reply in time"
    assert found["handshake"].state == "failed"


async def test_the_right_key(key_file: Path) -> None:
    async with Simulator(rsa_key=key_file) as opend:
        found = await check(opend.port, rsa_key=key_file)
    assert states(found, *WAY) == ["ok"] * 5
    assert found["handshake"].text.endswith("over tcp, encrypted")
    assert found["key"].text == "the RSA key has 1024 bits; OpenD accepts it"


async def test_a_key_that_opend_does_not_have(key_file: Path) -> None:
    async with Simulator() as opend:
        found = await check(opend.port, rsa_key=key_file)
    assert states(found, "handshake", "key") == ["failed", "ok"]
    assert "OpenD has the same RSA key" in (found["handshake"].advice or "")
    assert found["key"].text == "the RSA key has 1024 bits"


async def test_no_key_where_opend_has_one(key_file: Path) -> None:
    async with Simulator(rsa_key=key_file) as opend:
        found = await check(opend.port)
    assert found["handshake"].state == "failed"
    assert "then give rsa_key" in (found["handshake"].advice or "")


async def test_a_key_file_that_is_missing(tmp_path: Path) -> None:
    async with Simulator() as opend:
        found = await check(opend.port, rsa_key=tmp_path / "none.pem")
        assert not opend.requests
    assert states(found, *WAY) == ["ok", "ok", "skipped", "skipped", "failed"]
    assert "No such file" in found["key"].text
    assert "expected the RSA private key" in (found["key"].advice or "")


async def test_a_key_file_that_others_can_read(key_file: Path) -> None:
    await anyio.Path(key_file).chmod(0o644)
    async with Simulator(rsa_key=key_file) as opend:
        found = await check(opend.port, rsa_key=key_file)
    assert found["key"].state == "warning"
    assert "can be read by others" in found["key"].text
    assert (found["key"].advice or "").startswith("try: chmod 600")


async def test_a_websocket_with_and_without_its_key() -> None:
    async with Simulator(websocket=True, websocket_key=WEBSOCKET_KEY) as opend:
        port = opend.websocket_port
        found = await check(port, scheme="ws", websocket_key=WEBSOCKET_KEY)
        assert states(found, *WAY) == ["ok"] * 5
        assert found["key"].text == "a WebSocket key is given; OpenD accepts it"
        found = await check(port, scheme="ws")
    assert states(found, "handshake", "key") == ["failed", "skipped"]
    assert "websocket_key is the key set in OpenD" in (found["handshake"].advice or "")


async def test_a_certificate_that_is_not_trusted() -> None:
    transport = Transport("wss")
    async with transport.simulator() as opend:
        found = await check(opend.websocket_port, scheme="wss")
    assert found["handshake"].state == "failed"
    assert "certificate" in found["handshake"].text
    assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED


async def test_the_other_port_of_opend() -> None:
    async with Simulator(websocket=True) as opend:
        found = await check(opend.websocket_port)
        assert found["listener"].state == "failed"
        assert "speaks HTTP" in found["listener"].text
        found = await check(opend.port, scheme="ws")
    assert found["handshake"].state == "failed"
