"""Encryption compared with the vendor's code: its ciphers alone, and its whole client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist._protocol.ciphers import Algorithm, Cipher, Rsa, session_cipher
from aiocapdist.simulator import Simulator

from ..support.transports import rsa_key, rsa_pem
from ..support.waiting import until
from .vendor import needs_vendor, result_in

pytestmark = [pytest.mark.interop, needs_vendor]
CODES = ["HK.00700", "US.AAPL", "US.BRK.B", "SH.600519", "SZ.000001"]
FIELDS = [
    f"capital_{way}_{size}" for way in ("in", "out") for size in ("super", "big", "mid", "small")
]
KEY, IV = "0123456789abcdef", "fedcba9876543210"
LENGTHS = range(65)

_PROLOGUE = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
from futu import *
from futu.common.conn_mng import FutuConnMng
from futu.common.sys_config import RsaCrypt
given = json.loads(sys.stdin.readline())
SysConfig.set_init_rsa_file(given["key"])
"""
_EPILOGUE = """
print("RESULT " + json.dumps(result, default=str), flush=True)
os._exit(0)
"""
_CIPHERS = """
def use(iv):
    FutuConnMng.add_conn({"conn_id": 1, "conn_key": given["aes"], "conn_iv": iv})
def opened(iv, sealed):
    use(iv)
    return FutuConnMng.decrypt_conn_data(1, bytes.fromhex(sealed))[2].hex()
def sealed(iv, body):
    use(iv)
    return FutuConnMng.encrypt_conn_data(1, bytes.fromhex(body))[2].hex()
result = {
    "opened": {n: [opened(given["ivs"][n], s) for s in given["ours"][n]] for n in given["ours"]},
    "sealed": {n: [sealed(given["ivs"][n], b) for b in given["bodies"]] for n in given["ours"]},
    "rsa opened": [RsaCrypt.decrypt(bytes.fromhex(s)).hex() for s in given["rsa"]],
    "rsa sealed": [RsaCrypt.encrypt(bytes.fromhex(b)).hex() for b in given["rsa bodies"]],
}
"""
_CLIENT = """
SysConfig.enable_proto_encrypt(True)
context = OpenQuoteContext("127.0.0.1", given["port"], is_async_connect=given["wrong"])
def figures(ret, data):
    return {"ret": ret, "data": data if isinstance(data, str) else data.to_dict("records")}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder for the vendor's client to write to, with the key that it reads."""
    path = tmp_path / "key.pem"
    path.write_bytes(rsa_pem())
    path.chmod(0o600)
    return tmp_path


def command(script: str) -> list[str]:
    return [sys.executable, "-c", _PROLOGUE + script + _EPILOGUE]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "PYTHONWARNINGS": "ignore"}


def as_line(given: dict[str, Any]) -> bytes:
    return json.dumps(given).encode() + b"\n"


async def vendor(script: str, home: Path, **given: Any) -> Any:
    """Run ``script`` in a process of its own; return its ``result``."""
    given = {"key": str(home / "key.pem"), "wrong": False, **given}
    done = await anyio.run_process(command(script), input=as_line(given), env=environment(home))
    return result_in(done.stdout.decode())


# ---- bytes


def test_each_side_decrypts_what_the_other_encrypted(home: Path) -> None:
    """Both AES ciphers with all lengths up to four blocks; RSA with one to four pieces."""
    ciphers = {
        "cbc": session_cipher(Algorithm.AES_CBC, KEY, IV),
        "ftaes": session_cipher(Algorithm.FTAES_ECB, KEY, ""),
    }
    bodies = [bytes(range(255, 255 - length, -1)) for length in LENGTHS]
    rsa, long = Rsa(rsa_key()), [bytes([length]) * length for length in (1, 99, 100, 101, 200, 255)]
    long.append(bytes(301))
    given = {
        "key": str(home / "key.pem"),
        "aes": KEY,
        "ivs": {"cbc": IV, "ftaes": None},
        "bodies": [body.hex() for body in bodies],
        "ours": {name: sealed(cipher, bodies) for name, cipher in ciphers.items()},
        "rsa": sealed(rsa, long),
        "rsa bodies": [body.hex() for body in long],
    }
    done = subprocess.run(
        command(_CIPHERS),
        input=as_line(given),
        env=environment(home),
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    theirs = result_in(done.stdout.decode())
    for name, cipher in ciphers.items():
        assert [bytes.fromhex(text) for text in theirs["opened"][name]] == bodies
        assert [cipher.decrypt(bytes.fromhex(text)) for text in theirs["sealed"][name]] == bodies
        assert theirs["sealed"][name] == sealed(cipher, bodies), "and byte for byte the same"
    assert [bytes.fromhex(text) for text in theirs["rsa opened"]] == long
    assert [rsa.decrypt(bytes.fromhex(text)) for text in theirs["rsa sealed"]] == long


def sealed(cipher: Cipher, bodies: list[bytes]) -> list[str]:
    return [cipher.encrypt(body).hex() for body in bodies]


# ---- the whole client


@pytest.mark.anyio
async def test_both_clients_get_the_same_figures_and_global_state(home: Path) -> None:
    script = f"""
result = {{
    "figures": [figures(*context.get_capital_distribution(code)) for code in {CODES}],
    "state": context.get_global_state(),
    "encrypted": FutuConnMng.is_conn_encrypt(context.get_sync_conn_id()),
}}
"""
    with anyio.fail_after(60):
        async with (
            Simulator(rsa_key=rsa_pem(), now=lambda: 1_700_000_000.0, seed=2) as opend,
            aiocapdist.connect(port=opend.port, rsa_key=rsa_pem()) as client,
        ):
            theirs = await vendor(_CLIENT + script, home, port=opend.port)
            ours = await client.capital_distributions(CODES).collect()
            state = await client.global_state()
    assert theirs["encrypted"] is True
    for code, reply in zip(CODES, theirs["figures"], strict=True):
        assert reply["ret"] == 0, reply
        (row,) = reply["data"]
        mine = ours.values[code]
        assert {field: row[field] for field in FIELDS} == {
            field: getattr(mine, field) for field in FIELDS
        }
        assert row["update_time"] == mine.update_time
    ret, told = theirs["state"]
    assert ret == 0
    assert int(told["timestamp"]) == state.server_time.timestamp()
    assert told["qot_logined"] is state.quote_logged_in


@pytest.mark.anyio
async def test_another_rsa_key_is_refused(home: Path) -> None:
    """It would try for ever; its first failed attempt is enough."""
    given = {"key": str(home / "key.pem"), "wrong": True}
    with anyio.fail_after(60):
        async with Simulator(rsa_key=rsa_pem(number=1)) as opend:
            given["port"] = opend.port
            process = await anyio.open_process(
                command(_CLIENT + "import time; time.sleep(60); result = None"),
                env=environment(home),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            async with process:
                assert process.stdin is not None
                await process.stdin.send(as_line(given))
                await until(lambda: opend.requests)
                await until(lambda: opend.connections == 0)
                process.kill()
            assert {request.outcome for request in opend.requests} == {"damaged"}
            assert {request.proto_id for request in opend.requests} == {1001}
