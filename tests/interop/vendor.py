"""Run the vendor's Python client in a process of its own.

It starts threads that never end, warns at import and writes logs under HOME: none of that may
happen in a test process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

needs_vendor = pytest.mark.skipif(
    importlib.util.find_spec("futu") is None,
    reason="futu-api is not installed: pip install futu-api",
)

VENDORS_LOG = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ \| [^\n]*\n")
"""What its threads log, at any time, also in the middle of a line that a program prints."""

_PROLOGUE = """
import json, sys, warnings
warnings.simplefilter("ignore")
from futu import *
port = int(sys.argv[1])
def figures(ret, data):
    return {"ret": ret, "data": data if isinstance(data, str) else data.to_dict("records")}
context = OpenQuoteContext(host="127.0.0.1", port=port)
"""
_EPILOGUE = """
print("RESULT " + json.dumps(result, default=str), flush=True)
context.close()
import os
os._exit(0)
"""


async def vendor(script: str, port: int, home: Path) -> Any:
    """Run ``script``, which asks the gateway at ``port`` by ``context``; return its ``result``."""
    done = await anyio.run_process(
        [sys.executable, "-c", _PROLOGUE + script + _EPILOGUE, str(port)],
        env={**os.environ, "HOME": str(home), "PYTHONWARNINGS": "ignore"},
    )
    return result_in(done.stdout.decode())


def result_in(output: str) -> Any:
    """Return the ``result`` that a program has printed, also beside what the threads logged."""
    lines = VENDORS_LOG.sub("", output).splitlines()
    return next(json.loads(line[7:]) for line in lines if line.startswith("RESULT "))
