"""The package as a whole: its import, its public names, the vendor's package, its tests."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import aiocapdist

HEAVY = (
    "anyio",
    "asyncio",
    "cryptography",
    "google.protobuf",
    "pydantic",
    "rich",
    "trio",
    "websockets",
)
PUBLIC: list[str] = vars(aiocapdist)["__all__"]
GENERATED = sorted(path.stem for path in Path(aiocapdist.__file__).parent.glob("_pb/*_pb2.py"))


def python(code: str, home: Path) -> str:
    """Return what a new interpreter prints for this program."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_no_heavy_module(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import aiocapdist; "
        f"print([name for name in {HEAVY} if name in sys.modules.keys() - before])"
    )
    assert python(code, tmp_path) == "[]\n"


def test_a_star_import_gives_every_public_name(tmp_path: Path) -> None:
    code = "from aiocapdist import *; print(sorted(n for n in dir() if n[0] != '_'))"
    assert python(code, tmp_path).strip() == str(sorted(PUBLIC))


def test_every_public_name_is_the_name_of_its_object() -> None:
    for name in PUBLIC:
        value = getattr(aiocapdist, name)
        assert value.__name__ == name
        assert getattr(aiocapdist, name) is value
    assert set(PUBLIC) <= set(dir(aiocapdist))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clinet'"):
        _ = aiocapdist.Clinet  # type: ignore[attr-defined]


OURS = f"""
import aiocapdist
from aiocapdist._pb import {", ".join(GENERATED)}
from aiocapdist.simulator import Simulator
"""
THEIRS = """
import futu
from futu.common.pb import (
    Common_pb2, GetGlobalState_pb2, InitConnect_pb2, KeepAlive_pb2, Notify_pb2,
    Qot_Common_pb2, Qot_GetCapitalDistribution_pb2, Qot_GetCapitalFlow_pb2,
)
"""
BOTH_WORK = """
theirs = Qot_GetCapitalDistribution_pb2.Request()
theirs.c2s.security.market = 11
theirs.c2s.security.code = "AAPL"
ours = capital_distribution_pb2.Request.FromString(theirs.SerializeToString())
print(ours.c2s.security.market, ours.c2s.security.code)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("futu") is None,
    reason="the vendor's client is not installed: pip install futu-api",
)
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(OURS + THEIRS + BOTH_WORK, id="ours first"),
        pytest.param(THEIRS + OURS + BOTH_WORK, id="theirs first"),
    ],
)
def test_the_package_and_the_vendors_client_can_be_imported_together(
    program: str, tmp_path: Path
) -> None:
    assert len(GENERATED) == 9
    assert python(program, tmp_path).splitlines()[-1] == "11 AAPL"
