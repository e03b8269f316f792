"""Options of ``connect`` for each transport: combinations and warnings."""

from __future__ import annotations

import logging
import re
import ssl
import sys
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import ConnectError
from aiocapdist._connection.endpoint import _is_loopback, _warn_beyond_loopback
from aiocapdist.simulator import Simulator

from ..support.transports import client_tls, rsa_pem, server_tls

FOREIGN = "0.0.0.0"
"""This machine, on all systems but Windows, but no loopback address."""


@pytest.fixture(autouse=True)
def nobody_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiocapdist._connection.endpoint._warned", set())


# Combinations


NOT_SENT = (
    "rsa_key is for tcp:// and is never sent through a WebSocket; use wss:// to encrypt there"
)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            {"address": "ws://localhost", "rsa_key": "key.pem"},
            NOT_SENT,
        ),
        (
            {"address": "wss://localhost", "rsa_key": b"sentinel"},
            NOT_SENT,
        ),
        (
            {"websocket_key": "sentinel"},
            "websocket_key goes with ws:// or wss://, not with tcp",
        ),
        (
            {"address": "tcp://localhost", "websocket_key": ""},
            "websocket_key goes with ws:// or wss://, not with tcp",
        ),
        ({"ssl_context": ssl.SSLContext}, "ssl_context goes with wss://, not with tcp"),
        (
            {"address": "ws://localhost", "ssl_context": ssl.SSLContext},
            "ssl_context goes with wss://, not with ws",
        ),
        ({"cipher": "ftaes-ecb"}, "cipher needs rsa_key as well"),
        (
            {"address": "wss://localhost", "cipher": "ftaes-ecb"},
            "cipher needs rsa_key as well",
        ),
        (
            {"cipher": "aes-gcm", "rsa_key": b"sentinel"},
            "cipher is 'aes-cbc' or 'ftaes-ecb', not 'aes-gcm'",
        ),
        ({"cipher": "AES-CBC"}, "cipher is 'aes-cbc' or 'ftaes-ecb', not 'AES-CBC'"),
        ({"cipher": None}, "cipher is 'aes-cbc' or 'ftaes-ecb', not None"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_together_raise_at_once(
    arguments: dict[str, Any], reason: str
) -> None:
    if "ssl_context" in arguments:
        arguments = {**arguments, "ssl_context": client_tls()}
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        aiocapdist.connect(**arguments)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"rsa_key": 5}, "rsa_key is a path or bytes, not int"),
        ({"rsa_key": bytearray(b"sentinel")}, "rsa_key is a path or bytes, not bytearray"),
        ({"websocket_key": b"sentinel"}, "websocket_key is a string, not bytes"),
        ({"ssl_context": True}, "ssl_context is an ssl.SSLContext, not bool"),
    ],
    ids=str,
)
def test_options_of_a_wrong_type_raise_at_once(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(reason)}$"):
        aiocapdist.connect("wss://localhost", **arguments)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"websocket_key": "k"}, "websocket_key goes with ws:// or wss://, not with memory"),
        ({"ssl_context": ssl.SSLContext}, "ssl_context goes with wss://, not with memory"),
    ],
)
async def test_memory_has_the_options_of_tcp(arguments: Any, reason: str) -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend:
            if "ssl_context" in arguments:
                arguments = {"ssl_context": client_tls()}
            with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
                aiocapdist.connect(opend.memory, **arguments)
            async with aiocapdist.connect(opend.memory, rsa_key=rsa_pem()) as client:
                assert client.status.encrypted
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["tcp", "ws", "wss"])
@pytest.mark.parametrize("host", ["a..b", ".example", "x" * 64])
async def test_an_impossible_host_name_cannot_be_resolved(scheme: str, host: str) -> None:
    with anyio.fail_after(5):
        with pytest.raises(ConnectError, match="the host name cannot be resolved") as caught:
            async with aiocapdist.connect(f"{scheme}://{host}"):
                raise AssertionError("there is no such name")
    assert caught.value.host == host


# Warnings


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("10.0.0.1", False),
        ("128.0.0.1", False),
        ("fe80::1", False),
        ("opend.example", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_loopback_addresses_are_recognised(host: str, is_loopback: bool) -> None:
    assert _is_loopback(host) is is_loopback


IN_THE_CLEAR = (
    "the connection to {} is not encrypted: anybody on the way can read and alter it; "
    "use a tunnel or wss://"
)
SEALED = (
    "OpenD's encryption protects little on the way to {}: each message carries a digest of its "
    "clear text, and can be altered; use a tunnel or wss://"
)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.records if record.name == "aiocapdist"]
    return [record.message for record in records if record.levelno >= logging.WARNING]


def test_each_host_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    for host in ("nas.local", "10.0.0.1", "nas.local", "nas.local", "127.0.0.1", "10.0.0.1"):
        _warn_beyond_loopback(host, encrypted=False)
    assert warnings_of(caplog) == [IN_THE_CLEAR.format(h) for h in ("nas.local", "10.0.0.1")]


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform == "win32", reason="0.0.0.0 leads nowhere there")
@pytest.mark.parametrize(
    ("scheme", "sealed", "warning"),
    [
        ("tcp", False, IN_THE_CLEAR),
        ("tcp", True, SEALED),
        ("ws", False, IN_THE_CLEAR),
        ("wss", False, None),
    ],
)
async def test_connecting_to_another_machine_is_one_warning_except_for_wss(
    scheme: str, sealed: bool, warning: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    context = server_tls(FOREIGN) if scheme == "wss" else None
    options: dict[str, Any] = {"rsa_key": rsa_pem()} if sealed else {}
    with anyio.fail_after(5):
        async with Simulator(websocket=True, ssl_context=context, **options) as opend:
            caplog.clear()
            if scheme == "wss":
                options["ssl_context"] = client_tls()
            port = opend.port if scheme == "tcp" else opend.websocket_port
            for _ in range(2):
                address = f"{scheme}://{FOREIGN}:{port}"
                async with aiocapdist.connect(address, **options) as client:
                    assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
                opend.disconnect_all()
    assert warnings_of(caplog) == ([warning.format(FOREIGN)] if warning else [])


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["tcp", "ws"])
async def test_connecting_to_this_machine_is_no_warning(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend:
            port = opend.port if scheme == "tcp" else opend.websocket_port
            async with aiocapdist.connect(f"{scheme}://LOCALHOST:{port}"):
                pass
    assert warnings_of(caplog) == []
