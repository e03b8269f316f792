"""Machine instructions of calls and of their parts, counted by valgrind, beside a baseline.

Seconds mean little on a shared machine; instructions are the same each time for the same
Python and the same libraries. Each part is counted in yardsticks, a plain Python loop counted
in the same run, and compared with ``instructions.json``. With other versions of what that was
counted with, the figures are shown but not held to it.

``python -m benchmarks.instructions`` checks; ``--write`` takes the new figures over. Without
valgrind it fails, unless ``--allow-missing`` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from aiocapdist._protocol import catalog
from aiocapdist._protocol.frames import encode_frame
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.tcp_codec import TcpCodec

from . import whole_calls
from .gateway import welcome_body
from .whole_calls import WORKS

BASELINE = Path(__file__).with_suffix(".json")
ALLOWED = 1.03  # over the baseline: a check here and there adds up
LIBRARIES = ("anyio", "protobuf", "pydantic-core")
CALLS = 1000  # of each pure part
MARK = "getloadavg"  # a function of the C library that nothing else calls: it ends one count

_PROGRAM = f"""
import gc, os
from aiocapdist._protocol.frames import encode_frame
from aiocapdist._protocol.encoders import CapitalDistributionEncoder
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist.models import Security
from benchmarks.gateway import capital_distribution_body, old_capital_distribution_body
from benchmarks.instructions import ready_session
from benchmarks.whole_calls import count
gc.disable()
question, security = CapitalDistributionEncoder(), Security.parse("HK.00700")
old_reply = old_capital_distribution_body()
reply, body = capital_distribution_body(), question.encode(security)
session, numbers = ready_session(), range(200)

def yardstick():
    sum(numbers)

def check():
    Security.parse("HK.00700")

def encode():
    question.encode(security)

def ask_and_match():
    flight = session.request(3212, body, session, 0.0)
    session.data_to_send()
    session.receive_data(encode_frame(3212, flight.serial, reply), 0.0)

def read():
    decode_capital_distribution(reply, "HK.00700", security)

def read_other_layout():
    decode_capital_distribution(old_reply, "HK.00700", security)

parts = [yardstick, check, encode, ask_and_match, read, read_other_layout]
for part in parts:
    for _ in range(200):  # the interpreter adapts itself to what it has seen
        part()
for part in parts:
    os.{MARK}()
    for _ in range({CALLS}):
        part()
    os.{MARK}()
count(os.{MARK})
"""
PURE = ("yardstick", "check", "encode", "ask_and_match", "read", "read_other_layout")
WHOLE = tuple(work.__name__ for work in WORKS)


def ready_session() -> Session[object]:
    """A session that was let in, as a connection holds one."""
    session: Session[object] = Session(
        TcpCodec(client_id="bench", max_frame=2**20), first_serial=0, request_timeout=10.0
    )
    session.start(0.0, 10.0)
    session.data_to_send()
    session.receive_data(encode_frame(catalog.INIT_CONNECT, 1, welcome_body()), 0.0)
    return session


def measure() -> dict[str, float]:
    """Instructions per call of each part, in yardsticks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        valgrind = ("valgrind", "--tool=callgrind", f"--dump-before={MARK}")
        command = (*valgrind, f"--callgrind-out-file={out}", sys.executable, "-c", _PROGRAM)
        env = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
        for run in (command[-3:], command):  # once without, to compile what is not compiled
            subprocess.run(run, env=env, check=True, capture_output=True)
        # The others hold what came before a part.
        totals = [_total(out.with_name(f"counts.{2 * n}")) for n in range(1, len(PURE + WHOLE) + 1)]
    calls = [CALLS] * len(PURE) + [whole_calls.CALLS] * len(WHOLE)
    costs = {
        name: total / count for name, total, count in zip(PURE + WHOLE, totals, calls, strict=True)
    }
    yardstick = costs.pop("yardstick")
    return {name: round(cost / yardstick, 3) for name, cost in costs.items()}


def _total(dump: Path) -> int:
    lines = dump.read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("totals:")).split()[1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--allow-missing", action="store_true")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("NOTHING WAS COUNTED: valgrind is not installed")
        return 0 if options.allow_missing else 1
    counted_with = {name: metadata.version(name) for name in LIBRARIES}
    counted_with["python"] = platform.python_version()
    costs = measure()
    if options.write:
        whole = {"counted with": counted_with, "yardsticks": costs}
        BASELINE.write_text(json.dumps(whole, indent=2) + "\n", "utf-8")
    baseline = json.loads(BASELINE.read_text("utf-8"))
    known = baseline["yardsticks"]
    for name, cost in costs.items():
        print(f"{name:18} {cost:7.3f} yardsticks, baseline {known[name]:7.3f}")
    if baseline["counted with"] != counted_with:
        print("NOT COMPARED: the baseline was counted with other versions:")
        print(f"{baseline['counted with']}; here {counted_with}")
        return 0
    slower = [name for name, cost in costs.items() if cost > known[name] * ALLOWED]
    if slower:
        print(f"more than {ALLOWED} times the baseline: {', '.join(slower)}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
