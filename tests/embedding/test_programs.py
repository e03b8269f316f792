"""Whole programs: what they print at their end if a client is open or was never closed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from .opend_thread import OpendThread
from .programs import run, tidy

HEAD = """
import asyncio, gc, signal, sys
import aiocapdist
port = int(sys.argv[1])
"""
UVLOOP = """
import uvloop
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""
LOOPS = {"asyncio": "asyncio.run(main())", "uvloop": UVLOOP, "trio": "import trio; trio.run(main)"}
if sys.platform == "win32":
    del LOOPS["uvloop"]  # uvloop does not exist there

FORGETFUL = """
async def main():
    client = await aiocapdist.connect(port=port)
    print((await client.capital_distribution("HK.00700")).code)
    asyncio.ensure_future(listen(client))
    asyncio.ensure_future(client.capital_distribution("HK.00001"))
    await asyncio.sleep(0)

async def listen(client):
    async for event in client.events():
        print(type(event).__name__)
"""


@pytest.mark.parametrize("loop", [loop for loop in LOOPS if loop != "trio"])
def test_a_program_that_does_not_close_its_client_ends_cleanly(
    opend_thread: OpendThread, loop: str, tmp_path: Path
) -> None:
    """``asyncio.run`` cancels the remaining tasks: the connection is closed without a warning."""
    out = tidy(HEAD + FORGETFUL + LOOPS[loop], opend_thread.port, home=tmp_path)
    assert out.split()[:2] == ["HK.00700", "Connected"]


def test_several_runs_in_one_program_share_one_quota(
    opend_thread: OpendThread, tmp_path: Path
) -> None:
    """Tokens spent in one run expire in the next, whether the client was closed or not."""
    program = """
import warnings
warnings.simplefilter("ignore", ResourceWarning)  # of the client that is not closed
quota = aiocapdist.Quota(3, 60.0)

async def closes():
    async with aiocapdist.connect(port=port, quota=quota) as client:
        await client.capital_distribution("HK.00700")

async def forgets():
    client = await aiocapdist.connect(port=port, quota=quota)
    await client.capital_distribution("HK.00700")

async def waits():
    async with aiocapdist.connect(port=port, quota=quota) as client:
        try:
            await client.capital_distribution("HK.00700", max_wait=1.0)
        except aiocapdist.QuotaWaitTooLong as error:
            print(round(error.eta))

left = [quota.available]
for main in (closes, forgets, closes):
    asyncio.run(main())
    left.append(quota.available)
print(left)
asyncio.run(waits())
"""
    left, eta = tidy(HEAD + program, opend_thread.port, home=tmp_path).splitlines()
    assert left == "[3, 2, 1, 0]"
    assert 50 <= int(eta) <= 60


@pytest.mark.parametrize("loop", LOOPS)
def test_sys_exit_in_the_body_ends_the_program_with_its_code(
    opend_thread: OpendThread, loop: str, tmp_path: Path
) -> None:
    program = """
async def main():
    async with aiocapdist.connect(port=port) as client:
        await client.capital_distribution("HK.00700")
        sys.exit(3)

"""
    done = run(HEAD + program + LOOPS[loop], opend_thread.port, home=tmp_path)
    assert done == (3, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C is not a signal to one process")
@pytest.mark.parametrize("busy", ["await client.events().aclose()", "await sweep(client)"])
@pytest.mark.parametrize("loop", LOOPS)
def test_ctrl_c_stays_a_keyboard_interrupt(
    opend_thread: OpendThread, loop: str, busy: str, tmp_path: Path
) -> None:
    program = f"""
import anyio

async def sweep(client):
    async for outcome in client.capital_distributions(f"HK.{{n:05d}}" for n in range(1, 5000)):
        if outcome.code == "HK.00025":
            signal.raise_signal(signal.SIGINT)

async def main():
    async with aiocapdist.connect(port=port) as client:
        {busy}
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep_forever()

"""
    done = run(HEAD + program + LOOPS[loop], opend_thread.port, home=tmp_path)
    assert done.code in {-signal.SIGINT, 130}
    assert done.err.splitlines()[-1] == "KeyboardInterrupt"
    for word in ("Group", "Warning", "never retrieved", "was destroyed", "ClientClosed"):
        assert word not in done.err
