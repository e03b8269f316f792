"""Optional packages: imported only when needed, and named in an error if missing.

In processes of their own: in this one, all is loaded long since.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .support.scripts import run
from .support.transports import rsa_pem

_BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
"""
_ASK = """
import anyio, aiocapdist, sys
from aiocapdist.simulator import Simulator
async def main():
    with anyio.fail_after(20):
        async with Simulator({opend}) as opend:
            async with aiocapdist.connect({connect}) as client:
                print((await client.capital_distribution("HK.00700")).code)
anyio.run(main)
print(sorted({{"cryptography", "websockets", "ssl", "trio", "uvloop"}} & set(sys.modules)))
"""


TCP = _ASK.format(opend="", connect="port=opend.port")
WS = _ASK.format(opend="websocket=True", connect='f"ws://127.0.0.1:{opend.websocket_port}"')
SEALED = "import os; key = os.environ['KEY']\n" + _ASK.format(
    opend="rsa_key=key", connect="port=opend.port, rsa_key=key"
)


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "key.pem"
    path.write_bytes(rsa_pem())
    path.chmod(0o600)
    return str(path)


def test_each_transport_imports_only_what_it_needs(key: str) -> None:
    loaded = {name: run(script, key=key) for name, script in TRANSPORTS.items()}
    assert {name: text.splitlines()[0] for name, text in loaded.items()} == dict.fromkeys(
        TRANSPORTS, "HK.00700"
    )
    for name, package in (("tcp", None), ("ws", "websockets"), ("sealed", "cryptography")):
        for other in ("cryptography", "websockets", "trio", "uvloop"):
            assert (repr(other) in loaded[name]) is (other == package), (name, other)


TRANSPORTS = {"tcp": TCP, "ws": WS, "sealed": SEALED}
MISSED = {
    "cryptography": (
        "ModuleNotFoundError: encryption needs a package that is not installed (cryptography"
    ),
    "websockets": (
        "ModuleNotFoundError: the WebSocket transport needs a package that is not installed"
    ),
}
INSTALL = {
    "cryptography": "try: pip install 'aiocapdist[secure]'",
    "websockets": "try: pip install 'aiocapdist[ws]'",
}
_CLIENT_ALONE = """
import anyio, aiocapdist, os
async def main():
    with anyio.fail_after(20):
        async with aiocapdist.connect({connect}): pass
anyio.run(main)
"""


@pytest.mark.parametrize(
    ("package", "connect"),
    [
        ("cryptography", '"192.0.2.1", rsa_key=os.environ["KEY"]'),
        ("websockets", '"ws://192.0.2.1"'),
        ("websockets", '"wss://192.0.2.1", websocket_key="sentinel"'),
    ],
)
def test_the_error_for_a_missing_package_says_what_to_install(
    package: str, connect: str, key: str
) -> None:
    told = run(_BLOCK.format(package=package) + _CLIENT_ALONE.format(connect=connect), key=key)
    assert told.startswith(MISSED[package])
    assert told.endswith(INSTALL[package])
    assert "sentinel" not in told


@pytest.mark.parametrize(
    ("package", "opend"),
    [
        ("cryptography", 'rsa_key=os.environ["KEY"]'),
        ("websockets", "websocket=True"),
    ],
)
def test_the_simulator_has_the_same_error_for_a_missing_package(
    package: str, opend: str, key: str
) -> None:
    script = f"import os\nfrom aiocapdist.simulator import Simulator\nSimulator({opend})"
    told = run(_BLOCK.format(package=package) + script, key=key)
    assert told.startswith(MISSED[package])
    assert told.endswith(INSTALL[package])


@pytest.mark.parametrize("package", ["cryptography", "websockets"])
def test_tcp_without_encryption_needs_neither_package(package: str) -> None:
    assert run(_BLOCK.format(package=package) + TCP).startswith("HK.00700")
