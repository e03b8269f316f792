"""The cost of starting: what a program does not use is neither loaded nor built."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.gateway import gateway
from benchmarks.modules import differences

BUILT = """
import asyncio
import aiocapdist
from aiocapdist.models._base import Frozen

def kinds(kind):
    return [kind, *(each for child in kind.__subclasses__() for each in kinds(child))]

async def main():
    quota = aiocapdist.Quota(1, 0.01)
    async with aiocapdist.connect(port={port}, quota=quota) as client:
        events = client.events()
        await client.capital_distribution("HK.00700")
        await client.capital_distributions(["HK.00001", "HK.00002"])  # they wait
        assert client.status.round_trip is not None
        await client.global_state()
    print([type(event).__name__ async for event in events])

asyncio.run(main())
print([kind.__name__ for kind in kinds(Frozen)[1:] if kind.__pydantic_complete__])
"""


def test_starting_loads_the_same_modules_as_before() -> None:
    """A module more or fewer on purpose: ``python -m benchmarks.modules --write``."""
    assert differences() == []


def test_calls_events_and_the_status_build_no_schema() -> None:
    """The first schema of a process loads pydantic's plugins: 15 ms."""
    with gateway() as port:
        command = [sys.executable, "-c", BUILT.format(port=port)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['Connected', 'Throttled', 'Unthrottled', 'Disconnected']\n[]\n"
