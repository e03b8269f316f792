"""The vendor's JavaScript client: fetched with npm when it is first wanted, and kept.

Needs node and npm, and a registry that npm is set up for. Where one of them is missing, what
needs it is skipped, and says so. Nothing that a package brings is run while it is installed.
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
    # What these need: of fixed versions as well, so that a run today and one next year agree.
    "bytebuffer": "5.0.1",
    "long": "4.0.0",
    "protobufjs": "6.11.6",
}
OLDEST_NODE = (20, 19)
"""From here on node sees for itself that the vendor's files are ES modules."""

_SCRIPT = Path(__file__).with_name("client.mjs")
_FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
_PATIENCE = ("--fetch-retries=1", "--fetch-timeout=20000")


def packages_in(cache: Path) -> Path:
    """A folder below ``cache`` with the packages in it; skips the test where there is none."""
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
    """All or nothing: what was interrupted leaves no half of it in the cache."""
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
    """What the client is told about these at the WebSocket door of this port."""
    done = await anyio.run_process(
        ["node", "client.mjs", str(port), key, json.dumps(codes)],
        cwd=folder,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    lines = done.stdout.decode().splitlines()
    return next(json.loads(line[7:]) for line in lines if line.startswith("RESULT "))
