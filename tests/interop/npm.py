"""The vendor's JavaScript client, fetched with npm when first needed, and kept.

Needs node, npm and a registry that npm is configured for; tests are skipped with the reason if
one of them is missing. No script of a package is run while it is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import anyio
import pytest

PACKAGES = {
    "futu-api": "10.11.7108",
    "ws": "8.23.0",
    # Their dependencies, with fixed versions too, so that later runs use the same ones.
    "bytebuffer": "5.0.1",
    "long": "4.0.0",
    "protobufjs": "6.11.6",
}
OLDEST_NODE = (20, 19)
"""The first version of node that recognises the vendor's files as ES modules."""

_SCRIPT = Path(__file__).with_name("client.mjs")
_FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
_PATIENCE = ("--fetch-retries=1", "--fetch-timeout=20000")


def packages_in(cache: Path) -> Path:
    """Return a folder below ``cache`` with the packages; skip the test if they cannot be had."""
    _look_for_node()
    folder = cache / "-".join(f"{name}-{version}" for name, version in PACKAGES.items())[:100]
    if not (folder / "node_modules").exists():
        _install(folder)
    shutil.copy(_SCRIPT, folder)
    return folder


def _look_for_node() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed: the vendor's JavaScript client needs them")
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major, minor, *_ = (int(part) for part in told.stdout.strip().lstrip("v").split("."))
    if (major, minor) < OLDEST_NODE or (major == 21) or (major == 22 and minor < 7):
        pytest.skip(f"node {told.stdout.strip()} is too old for the vendor's JavaScript client")


def _install(folder: Path) -> None:
    """Install into a new folder and move it: an interrupted run leaves no half of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unfinished-") as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        (made / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
        try:
            subprocess.run(
                [shutil.which("npm") or "npm", "install", *_FLAGS, *_PATIENCE],
                cwd=made,
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            told = (getattr(error, "stderr", None) or str(error)).strip()
            pytest.skip(f"npm could not fetch the vendor's JavaScript client: {told}")
        if not folder.exists():
            made.rename(folder)


async def javascript(folder: Path, port: int, key: str, codes: list[tuple[int, str]]) -> Any:
    """Return what the vendor's client is told about these securities over WebSocket."""
    done = await anyio.run_process(
        ["node", "client.mjs", str(port), key, json.dumps(codes)],
        cwd=folder,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    lines = done.stdout.decode().splitlines()
    return next(json.loads(line[7:]) for line in lines if line.startswith("RESULT "))
