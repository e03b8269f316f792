"""What importing costs, and what it costs to be ready: in fresh processes, over bare Python.

Everything is compiled beforehand, whatever the environment says of that, as it is where packages
were installed: else who was installed would be compared with who is compiled anew each time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

READY = """
import asyncio, aiocapdist
aiocapdist.CapitalDistribution(
    code="HK.00700", market=aiocapdist.Market.HK,
    capital_in_big=1, capital_in_mid=1, capital_in_small=1,
    capital_out_big=1, capital_out_mid=1, capital_out_small=1,
)
aiocapdist.connect()
"""
PROGRAMS = {
    "bare": "pass",
    "import aiocapdist": "import aiocapdist",
    "aiocapdist, ready to use": READY,
    "import futu": "import warnings; warnings.simplefilter('ignore'); import futu",
}
_TOLD = """
import json as _json, os as _os, resource as _resource
_used = _resource.getrusage(_resource.RUSAGE_SELF)
# Not ru_maxrss: that begins with what the parent had at the fork.
_peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line[:5] == "VmHWM")
print("FIGURES " + _json.dumps([_used.ru_utime + _used.ru_stime, _peak]), flush=True)
_os._exit(0)
"""


def measure(rounds: int) -> list[dict[str, tuple[float, float]]]:
    """Milliseconds of CPU and MiB by program, over bare Python; a row for each round."""
    rows = []
    with tempfile.TemporaryDirectory() as home:
        for name in PROGRAMS:
            _run(name, home)  # compiles what is not compiled yet
        for _ in range(rounds):
            raw = {name: _run(name, home) for name in PROGRAMS}
            cpu, memory = raw.pop("bare")
            rows.append({n: ((c - cpu) * 1e3, (m - memory) / 1024) for n, (c, m) in raw.items()})
    return rows


def _run(name: str, home: str) -> tuple[float, float]:
    env = {**os.environ, "HOME": home, "PYTHONPYCACHEPREFIX": home}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[name] + _TOLD],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("FIGURES "))
    cpu, memory = json.loads(line.removeprefix("FIGURES "))
    return cpu, memory
