"""A client used in a forked child, on another loop or after its own has ended: told at once."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

import aiocapdist
from aiocapdist import Client, ClientClosed
from aiocapdist._loop import on_asyncio
from aiocapdist._pb import keep_alive_pb2

from ..support import custom_call
from ..support.loops import LOOPS
from .opend_thread import OpendThread, no_leaks
from .programs import tidy

SOON = 5.0  # seconds that an answer takes at most: none of these may wait
CODES = ["HK.00700", "HK.00001"]

Use = Callable[[Client], Awaitable[object]]


async def sweep(client: Client) -> object:
    return await client.capital_distributions(CODES).collect()


async def events(client: Client) -> object:
    return await anext(client.events())


async def any_other_call(client: Client) -> object:
    message = custom_call.request_message()
    return await client.request(custom_call.PROTO_ID, message, keep_alive_pb2.Response)


USES: dict[str, Use] = {
    "a single call": lambda client: client.capital_distribution("HK.00700"),
    "a call with a timeout": lambda client: client.capital_distribution("HK.00700", timeout=3.0),
    "a cached answer": lambda client: client.capital_distribution("HK.00700", max_age=60.0),
    "capital flow": lambda client: client.capital_flow("HK.00700"),
    "a sweep": sweep,
    "the state": lambda client: client.global_state(),
    "any other call": any_other_call,
    "events": events,
}


async def error_of(use: Use, client: Client) -> Exception | None:
    """Return the exception that this use ends with, in time."""
    with anyio.fail_after(SOON):
        try:
            await use(client)
        except Exception as error:
            return error
        return None


# ---- another loop


@pytest.mark.anyio
@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_on_another_threads_loop_each_call_is_refused_at_once(
    opend_thread: OpendThread, use: Use
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with aiocapdist.connect(port=opend_thread.port) as client:
                await client.capital_distribution("HK.00700")
                for backend in ("asyncio", "trio"):
                    run = partial(anyio.run, error_of, use, client, backend=backend)
                    error = await anyio.to_thread.run_sync(run)
                    assert type(error) is RuntimeError
                    assert "this client belongs to another event loop" in str(error)
                    assert "run_coroutine_threadsafe" in str(error)
                assert (await client.capital_distribution("HK.00001")).code == "HK.00001"
                assert client.quota.available == 28


@pytest.mark.anyio
async def test_a_sweep_begun_here_is_refused_in_another_thread(opend_thread: OpendThread) -> None:
    async def read_on(outcomes: Any) -> None:
        while True:
            await anext(outcomes)

    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with aiocapdist.connect(port=opend_thread.port) as client:
                outcomes = aiter(client.capital_distributions(f"HK.{n:05d}" for n in range(500)))
                await anext(outcomes)
                error = await anyio.to_thread.run_sync(
                    lambda: asyncio.run(error_of(lambda _: read_on(outcomes), client))
                )
                assert "belongs to another event loop" in str(error)


@pytest.mark.anyio
async def test_closing_on_another_loop_is_refused_and_does_not_hang(
    opend_thread: OpendThread,
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with aiocapdist.connect(port=opend_thread.port) as client:
                error = await anyio.to_thread.run_sync(
                    lambda: asyncio.run(error_of(lambda client: client.aclose(), client))
                )
                assert "belongs to another event loop" in str(error)
                assert client.status.state == "ready"


@pytest.mark.anyio
async def test_what_the_error_advises_works(opend_thread: OpendThread) -> None:
    def in_a_thread(client: Client) -> str:
        return anyio.from_thread.run(client.capital_distribution, "HK.00700").code

    def on_asyncios_own(client: Client, loop: asyncio.AbstractEventLoop) -> str:
        call = client.capital_distribution("HK.00001")
        return asyncio.run_coroutine_threadsafe(call, loop).result(SOON).code

    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with aiocapdist.connect(port=opend_thread.port) as client:
                assert await anyio.to_thread.run_sync(in_a_thread, client) == "HK.00700"
                if on_asyncio():
                    loop = asyncio.get_running_loop()
                    code = await anyio.to_thread.run_sync(on_asyncios_own, client, loop)
                    assert code == "HK.00001"


def test_a_loop_that_goes_on_in_another_thread_takes_its_client_along(
    opend_thread: OpendThread,
) -> None:
    loop = asyncio.new_event_loop()

    async def connect() -> Client:
        return await aiocapdist.connect(port=opend_thread.port)

    client = loop.run_until_complete(connect())
    codes: list[str] = []

    def go_on() -> None:
        figures = loop.run_until_complete(client.capital_distribution("HK.00700"))
        codes.append(figures.code)
        loop.run_until_complete(client.aclose())

    thread = threading.Thread(target=go_on)
    thread.start()
    thread.join(SOON)
    assert codes == ["HK.00700"]
    loop.close()


# ---- a loop that has ended


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_after_its_loop_was_closed_each_call_is_refused_at_once(
    opend_thread: OpendThread, use: Use
) -> None:
    loop = asyncio.new_event_loop()

    async def connect() -> Client:
        return await aiocapdist.connect(port=opend_thread.port)

    client = loop.run_until_complete(connect())
    loop.close()
    for backend in ("asyncio", "trio"):
        error = anyio.run(error_of, use, client, backend=backend)
        assert type(error) is RuntimeError
        assert "this client belongs to an event loop that has ended" in str(error)
        assert "create one for each loop" in str(error)
    asyncio.run(asyncio.wait_for(client.aclose(), SOON))
    assert client.status.state == "closed"
    assert isinstance(asyncio.run(error_of(USES["the state"], client)), ClientClosed)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_client_with_calls_in_flight_on_a_closed_loop_can_be_closed(
    silent_port: int, opend_thread: OpendThread
) -> None:
    """What they held of the quota is counted as sent."""
    quota = aiocapdist.Quota(3, 60.0)
    loop = asyncio.new_event_loop()

    async def begin() -> tuple[Client, Any]:
        client = await aiocapdist.connect(port=opend_thread.port, quota=quota)
        tasks = [asyncio.ensure_future(client.capital_distribution(code)) for code in CODES]
        await asyncio.sleep(0)
        return client, tasks

    client, tasks = loop.run_until_complete(begin())
    loop.close()
    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(client.aclose)
        portal.call(client.aclose)
    assert client.status.state == "closed"
    assert quota.available == 1
    asyncio.run(spend_last(opend_thread.port, quota))
    for task in tasks:
        task._log_destroy_pending = False


async def spend_last(port: int, quota: aiocapdist.Quota) -> None:
    with anyio.fail_after(SOON):
        async with aiocapdist.connect(port=port, quota=quota) as client:
            await client.capital_distribution("HK.00700")
            assert quota.available == 0


@pytest.mark.parametrize("backend", LOOPS)
def test_a_second_run_with_the_first_runs_client_is_told_so(
    opend_thread: OpendThread, backend: Any
) -> None:
    kept: list[Client] = []

    async def first() -> None:
        async with aiocapdist.connect(port=opend_thread.port) as client:
            kept.append(client)
            await client.capital_distribution("HK.00700")

    async def second() -> None:
        for use in USES.values():
            error = await error_of(use, kept[0])
            # A closed client's sweep gives its errors as outcomes, and its events end.
            assert error is None or isinstance(error, ClientClosed | StopAsyncIteration)

    name, options = backend
    anyio.run(first, backend=name, backend_options=options)
    for other, _ in (("asyncio", {}), ("trio", {})):
        anyio.run(second, backend=other)


# ---- a forked child

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

FORKED = """
import asyncio, multiprocessing, os, sys
import aiocapdist
port, how = int(sys.argv[1]), sys.argv[2]

async def child(client):
    try:
        for use in (
            lambda: client.capital_distribution("HK.00700"),
            lambda: client.capital_distributions(["HK.00700", "HK.00001"]).collect(),
            lambda: client.global_state(),
            lambda: anext(client.events()),
        ):
            try:
                await asyncio.wait_for(use(), 5) if how != "inside" else await use()
            except RuntimeError as error:
                assert "before this process was forked" in str(error), error
                assert "create a client in the child process" in str(error), error
            else:
                raise AssertionError("it was not told")
        await client.aclose()
        print("told", flush=True)
    except BaseException as error:
        print("child:", repr(error), flush=True)

async def own(client):
    # A quota of its own: the parent's default one is shared until the fork, with a warning.
    async with aiocapdist.connect(port=port, quota=aiocapdist.Quota()) as mine:
        print((await mine.capital_distribution("HK.00001")).code, flush=True)

def in_child(client):
    asyncio.run(child(client))
    asyncio.run(own(client))

def fork(function, *args):
    pid = os.fork()
    if pid == 0:
        try:
            function(*args)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
"""
OUTSIDE = """
with asyncio.Runner() as runner:
    async def connect():
        return await aiocapdist.connect(port=port)
    client = runner.run(connect())
    runner.run(client.capital_distribution("HK.00700"))
    if how == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=in_child, args=(client,))
        process.start()
        process.join()
    elif how == "the same loop":
        fork(lambda: runner.run(child(client)))
    else:
        fork(in_child, client)
    print((runner.run(client.capital_distribution("HK.00700"))).code)
    runner.run(client.aclose())
"""
INSIDE = """
async def main():
    async with aiocapdist.connect(port=port) as client:
        await client.capital_distribution("HK.00700")
        pid = os.fork()
        if pid == 0:
            try:
                await child(client)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        print((await client.capital_distribution("HK.00700")).code)

asyncio.run(main())
"""
quiet = "ignore:.*use of fork:DeprecationWarning"


@needs_fork
@pytest.mark.parametrize("how", ["multiprocessing", "os.fork", "the same loop"])
def test_a_child_forked_outside_the_loop_is_told_and_makes_its_own(
    opend_thread: OpendThread, how: str, tmp_path: Path
) -> None:
    out = tidy(FORKED + OUTSIDE, opend_thread.port, how, home=tmp_path)
    own = [] if how == "the same loop" else ["HK.00001"]
    assert out.split() == ["told", *own, "HK.00700"]


@needs_fork
def test_a_child_forked_within_the_loop_is_told(opend_thread: OpendThread, tmp_path: Path) -> None:
    out = tidy(FORKED + INSIDE, opend_thread.port, "inside", home=tmp_path)
    assert out.split() == ["told", "HK.00700"]


if sys.version_info >= (3, 12):
    pytestmark = pytest.mark.filterwarnings(quiet)
