"""The fuzz targets under atheris, which is guided by coverage.

``python -m tools.fuzz [TARGET…] [--seconds N]`` runs each target for N seconds in a process of
its own, since atheris never gives one back. It tells how many inputs each had; on a finding it
ends with 1, and the input lies in ``.fuzz/``, for ``python -m tools.fuzz TARGET --replay FILE``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FOUND = Path(".fuzz")
DONE = re.compile(r"Done (\d+) (?:runs )?in (\d+) second")
STATED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--replay", metavar="FILE", help="give this input to the one target")
    parser.add_argument("--corpus", help=argparse.SUPPRESS)  # given to the process of its own
    chosen = parser.parse_args()
    if chosen.corpus is not None:
        _fuzz(chosen.targets[0], chosen.corpus, chosen.seconds)
    from .targets import TARGETS

    if unknown := set(chosen.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(unknown)}; known are {', '.join(TARGETS)}")
    if chosen.replay is not None:
        TARGETS[chosen.targets[0]](Path(chosen.replay).read_bytes())
        return 0
    return _run_all(chosen.targets or list(TARGETS), chosen.seconds)


def _run_all(names: list[str], seconds: int) -> int:
    FOUND.mkdir(exist_ok=True)
    total = 0
    failed = []
    for name in names:
        executions, good, log = _run(name, seconds)
        total += executions
        print(f"{name:22} {executions:>12,} inputs  {'nothing found' if good else 'FOUND'}")
        if not good:
            failed.append(name)
            print(log[-4000:])
    print(f"{'all':22} {total:>12,} inputs  {', '.join(failed) or 'nothing found'}")
    return 1 if failed else 0


def _run(name: str, seconds: int) -> tuple[int, bool, str]:
    from .seeds import seeds

    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds(name)):
            Path(corpus, f"seed-{number}").write_bytes(data)
        command = [sys.executable, "-m", "tools.fuzz", name, f"--seconds={seconds}"]
        done = subprocess.run(
            [*command, f"--corpus={corpus}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + 120,
            check=False,
        )
    log = done.stdout.decode(errors="replace")
    counted = DONE.search(log) or STATED.search(log)
    executions = int(counted[1]) if counted else 0
    return executions, done.returncode == 0 and executions > 0, log


def _fuzz(name: str, corpus: str, seconds: int) -> Any:
    import atheris

    with atheris.instrument_imports(include=["aiocapdist"]):
        from .targets import TARGETS
    options = [
        *(f"-max_total_time={seconds}", "-max_len=1000", "-timeout=10", "-rss_limit_mb=2048"),
        *(f"-artifact_prefix={FOUND}/{name}-", "-print_final_stats=1", "-verbosity=1"),
    ]
    atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    raise SystemExit(main())
