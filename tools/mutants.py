"""Mutation tests of the pure parts: change them in every small way, and see whether tests fail.

``python -m tools.mutants [MODULE…]`` runs mutmut (see pyproject.toml) module by module and prints
how many mutants of each were killed. Exits with 1 if that is fewer than nine in ten of all.
``mutmut results`` and ``mutmut show NAME`` show the survivors: read them before adding a test,
since some mutants make no visible difference.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

MODULES = (
    *("_protocol.session", "_protocol.frames", "_protocol.decoders", "_protocol.response"),
    "_protocol.failures",
    *("_protocol.tcp_codec", "_protocol.websocket_codec", "_protocol.codec", "_protocol.ciphers"),
    *("_protocol.wire_format", "_protocol.init_connect", "_protocol.encoders", "_protocol.figures"),
    *("_protocol.notices", "_protocol.rsa_key", "_protocol.backoff"),
    *("_protocol.capital_flow", "_protocol.global_state", "_protocol.foreign", "_protocol.state"),
    *("quota._core.ledger", "quota._core.fair_queue", "quota._core.granter"),
    *("quota._core.scheduler", "quota._core.adaptive_limit", "quota._core.unlimited"),
    # What tests of a whole client cover, which are no part of these runs, is not mutated.
    *("_requests.positions", "_requests.last_attempts"),
)
ENOUGH = 0.9


def main() -> int:
    total: Counter[str] = Counter()
    for module in sys.argv[1:] or MODULES:
        _mutate(module)
        outcomes = _outcomes(module)
        total += outcomes
        _tell(module, outcomes)
    _tell("all", total)
    return 0 if _share(total) >= ENOUGH else 1


def _mutate(module: str) -> None:
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "2"]
    done = subprocess.run(
        [*command, f"aiocapdist.{module}.*"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        told = done.stdout.decode(errors="replace")[-3000:]
        raise SystemExit(f"mutmut ended with {done.returncode}:\n{told}")


def _outcomes(module: str) -> Counter[str]:
    """Count this module's mutants by how they ended."""
    from mutmut.stats import status_by_exit_code

    page = Path("mutants/src/aiocapdist", module.replace(".", "/") + ".py.meta")
    codes = json.loads(page.read_text("utf-8"))["exit_code_by_key"]
    return Counter(status_by_exit_code[code] for code in codes.values())


def _share(outcomes: Counter[str]) -> float:
    """Return the share of killed mutants; one that makes tests hang counts as killed."""
    return (outcomes["killed"] + outcomes["timeout"]) / max(1, outcomes.total())


def _tell(name: str, outcomes: Counter[str]) -> None:
    others = ", ".join(f"{n} {how}" for how, n in sorted(outcomes.items()) if how != "killed")
    print(f"{name:20} {_share(outcomes):7.1%}  {outcomes['killed']} killed, {others}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
