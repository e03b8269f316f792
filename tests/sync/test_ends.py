"""What a blocking client does where it cannot work, and what is left when it is gone."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

import aiocapdist
from aiocapdist import ClientClosed, Quota, sync

from ..embedding.opend_thread import OpendThread
from ..embedding.programs import tidy

CALLS: dict[str, Callable[[sync.Client], object]] = {
    "call": lambda client: client.capital_distribution("HK.00700"),
    "flow": lambda client: client.capital_flow("HK.00700"),
    "state": lambda client: client.global_state(),
    "collect": lambda client: client.capital_distributions(["HK.00700"]).collect(),
    "iterate": lambda client: iter(client.capital_distributions(["HK.00700"])),
    "watch": lambda client: client.watch(["HK.00700"]),
    "events": lambda client: client.events(),
}


def loop_threads() -> int:
    return sum(thread.name == "aiocapdist" for thread in threading.enumerate())


@pytest.mark.anyio
@pytest.mark.parametrize("name", CALLS)
async def test_a_running_loop_is_not_blocked(name: str, client: sync.Client) -> None:
    with pytest.raises(RuntimeError, match="would block the event loop that runs here"):
        CALLS[name](client)
    with pytest.raises(RuntimeError, match="cells of a notebook can await"):
        sync.connect()
    # A worker thread may wait.
    got = await anyio.to_thread.run_sync(client.capital_distribution, "HK.00700")
    assert got.code == "HK.00700"


@pytest.mark.parametrize("name", ["call", "flow", "state", "collect", "iterate"])
def test_a_closed_client_says_so(name: str, client: sync.Client) -> None:
    client.close()
    client.close()
    with pytest.raises(ClientClosed):
        CALLS[name](client)
    assert client.status.state == "closed"
    assert client.quota.waiting == 0
    assert repr(client).endswith("closed>")


def test_what_a_closed_client_gave_says_so_and_can_be_closed(client: sync.Client) -> None:
    watch, sweep = client.watch(["HK.00700"]), client.capital_distributions(["HK.00700"])
    client.close()
    for given in (watch, sweep, client.watch(["HK.00700"])):
        with pytest.raises(ClientClosed):
            iter(given)
        given.close()
    assert watch.codes == ("HK.00700",)
    assert list(client.events()) == []


def test_closing_ends_calls_in_other_threads(opend_thread: OpendThread) -> None:
    ended: list[str] = []
    client = sync.connect(port=opend_thread.port, quota=Quota(1, 600.0))
    client.capital_distribution("HK.00700")

    def wait() -> None:
        try:
            client.capital_distribution("HK.00005")
        except ClientClosed:
            ended.append("closed")

    waiting = [threading.Thread(target=wait) for _ in range(5)]
    for thread in waiting:
        thread.start()
    while client.quota.waiting < 1:
        pass
    client.close()
    for thread in waiting:
        thread.join(10)
    assert ended == ["closed"] * 5
    assert loop_threads() == 0


def test_an_exception_leaves_the_block_as_it_is(opend_thread: OpendThread) -> None:
    with pytest.raises(ZeroDivisionError), sync.connect(port=opend_thread.port):
        raise ZeroDivisionError
    assert loop_threads() == 0


def test_a_client_that_is_dropped_is_a_resource_warning(opend_thread: OpendThread) -> None:
    client = sync.connect(port=opend_thread.port)
    kept = [client]
    del client
    with pytest.warns(ResourceWarning, match="unclosed client of aiocapdist.sync"):
        kept.clear()
    for thread in threading.enumerate():
        if thread.name == "aiocapdist":
            thread.join(10)
    assert loop_threads() == 0


def test_an_iteration_keeps_its_client(opend_thread: OpendThread) -> None:
    changes = [iter(sync.connect(port=opend_thread.port).watch(["HK.00700"]))]
    gc.collect()
    assert next(changes[0]).code == "HK.00700"
    with pytest.warns(ResourceWarning, match="unclosed client of aiocapdist.sync"):
        changes.clear()


LEFT = """
import gc, sys
from aiocapdist import sync
codes = [f"HK.{n:05d}" for n in range(1, 9)]
client = sync.connect(port=int(sys.argv[1]))
left = [iter(client.capital_distributions(codes)), iter(client.watch(codes)), client.events()]
for one in left:
    next(one)
if len(sys.argv) > 2:
    client.close()
    del left, one
    gc.collect()
print("end")
"""


@pytest.mark.parametrize("close", [(), ("close",)], ids=["open", "closed"])
def test_what_is_left_behind_at_the_end_is_silent(
    close: tuple[str, ...], opend_thread: OpendThread, tmp_path: Path
) -> None:
    assert tidy(LEFT, opend_thread.port, *close, home=tmp_path) == "end\n"


FORKED = """
import os, sys
import aiocapdist
with aiocapdist.sync.connect(port=int(sys.argv[1])) as client:
    client.capital_distribution("HK.00700")
    sys.stdout.flush()
    if os.fork() == 0:
        try:
            client.capital_distribution("HK.00700")
        except aiocapdist.ClientClosed:
            print("closed in the child")
        client.close()
        sys.stdout.flush()
        os._exit(0)
    os.wait()
    print(client.capital_distribution("HK.00700").code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_has_no_client_and_harms_none(
    opend_thread: OpendThread, tmp_path: Path
) -> None:
    printed = tidy(FORKED, opend_thread.port, home=tmp_path)
    assert printed == "closed in the child\nHK.00700\n"


def test_importing_it_starts_nothing(tmp_path: Path) -> None:
    program = "import threading, aiocapdist.sync; print(threading.active_count())"
    assert tidy(program, home=tmp_path) == "1\n"


def test_a_client_of_a_loop_and_a_blocking_one_live_side_by_side(
    opend_thread: OpendThread, client: sync.Client
) -> None:
    async def both() -> None:
        quota = Quota(10_000, 1.0)
        async with aiocapdist.connect(port=opend_thread.port, quota=quota) as awaited:
            mine = await awaited.capital_distribution("HK.00700")
            theirs = await asyncio.to_thread(client.capital_distribution, "HK.00700")
            assert mine.code == theirs.code

    asyncio.run(both())
