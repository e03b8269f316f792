"""Modules that are loaded by an import, a first call and a command: the cost of starting, exactly.

Seconds differ from run to run, names do not. Counted are this package's modules and the packages
of others; the standard library's differ from one Python to the next.

``python -m benchmarks.modules`` compares with ``modules.json``; ``--write`` takes new names over.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .gateway import gateway

BASELINE = Path(__file__).with_suffix(".json")
PROGRAMS = {
    "import aiocapdist": "import aiocapdist",
    "a first call": """
import asyncio
import aiocapdist

async def main():
    async with aiocapdist.connect(port={port}) as client:
        await client.capital_distribution("HK.00700")

asyncio.run(main())
""",
    "aiocapdist --version": """
from aiocapdist.cli import main
sys.argv = ["aiocapdist", "--version"]
try:
    main()
except SystemExit as end:
    assert not end.code
""",
    "aiocapdist get": """
from aiocapdist.cli import main
sys.argv = ["aiocapdist", "get", "HK.00700", "--address", "tcp://127.0.0.1:{port}"]
try:
    main()
except SystemExit as end:
    assert not end.code
""",
}
_AROUND = """
import json, sys
before = set(sys.modules)
{program}
names = set(sys.modules) - before
ours = {{name for name in names if name.partition(".")[0] == "aiocapdist"}}
others = {{name.partition(".")[0] for name in names - ours if name[0] != "_"}}
others -= sys.stdlib_module_names
print(json.dumps(sorted(ours | others)))
"""


def loaded() -> dict[str, list[str]]:
    """Return the names loaded by each program, sorted."""
    with gateway() as port, tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "HOME": home, "XDG_STATE_HOME": home}  # for the quota's file
        return {name: _run(program.format(port=port), env) for name, program in PROGRAMS.items()}


def _run(program: str, env: dict[str, str]) -> list[str]:
    command = [sys.executable, "-c", _AROUND.format(program=program)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def differences() -> list[str]:
    """Return what is loaded now and was not, or was and is not, a line each."""
    baseline = json.loads(BASELINE.read_text("utf-8"))
    found = []
    for program, names in loaded().items():
        known = set(baseline[program])
        found += [f"{program}: + {name}" for name in names if name not in known]
        found += [f"{program}: - {name}" for name in sorted(known - set(names))]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.modules", description=__doc__)
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        BASELINE.write_text(json.dumps(loaded(), indent=1) + "\n", "utf-8")
    found = differences()
    print("\n".join(found) or "as in the baseline")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
