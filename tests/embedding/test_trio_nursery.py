"""On trio: a client in one task of a nursery, used by the nursery's other tasks."""

from __future__ import annotations

from typing import Any

import pytest
import trio

import aiocapdist
from aiocapdist import Client, ClientClosed, ConnectError

from .opend_thread import OpendThread, no_leaks

TaskStatus = Any


class Census(trio.abc.Instrument):
    """Records the tasks that exist, as trio reports each start and end."""

    def __init__(self) -> None:
        self.alive: set[str] = set()

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self.alive.add(f"{task.name} {id(task)}")

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        self.alive.discard(f"{task.name} {id(task)}")


async def serve(port: int, *, task_status: TaskStatus = trio.TASK_STATUS_IGNORED) -> None:
    """A service for ``nursery.start``: it reports its client when the client is ready."""
    async with aiocapdist.connect(port=port) as client:
        task_status.started(client)
        await trio.sleep_forever()


async def sweep(client: Client, into: list[str]) -> None:
    codes = [f"HK.{n:05d}" for n in range(1, 26)]
    async for outcome in client.capital_distributions(codes):
        into.append(outcome.unwrap().code)


def test_a_client_leaves_no_task_of_its_own(opend_thread: OpendThread) -> None:
    census = Census()
    seen = []

    async def main() -> None:
        with trio.fail_after(10):
            before = set(census.alive)
            async with no_leaks(opend_thread):
                async with aiocapdist.connect(port=opend_thread.port) as client:
                    await client.capital_distribution("HK.00700")
                    seen.append(census.alive - before)
                assert census.alive == before

    trio.run(main, instruments=[census])
    assert len(seen[0]) > 1, "it had tasks while it was open"


def test_a_nurserys_tasks_share_the_client_of_one_of_them(opend_thread: OpendThread) -> None:
    swept = list[str]()

    async def main() -> None:
        with trio.fail_after(10):
            async with no_leaks(opend_thread), trio.open_nursery() as nursery:
                client = await nursery.start(serve, opend_thread.port)
                async with trio.open_nursery() as callers:
                    for _ in range(4):
                        callers.start_soon(sweep, client, swept)
                nursery.cancel_scope.cancel()
            assert client.status.state == "closed"

    trio.run(main)
    assert len(swept) == 100


def test_a_service_that_cannot_start_raises_at_its_starter() -> None:
    async def main() -> None:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                with pytest.raises(ConnectError):
                    await nursery.start(serve, 1)

    trio.run(main)


def test_a_nursery_inside_ends_before_the_client_does(opend_thread: OpendThread) -> None:
    """The last calls are answered: the client is closed when its block is left."""
    swept = list[str]()

    async def main() -> None:
        with trio.fail_after(10):
            async with (
                no_leaks(opend_thread),
                aiocapdist.connect(port=opend_thread.port) as client,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(sweep, client, swept)

    trio.run(main)
    assert len(swept) == 25


def test_a_nursery_outside_sees_its_calls_end_with_the_client(opend_thread: OpendThread) -> None:
    async def main() -> None:
        with trio.fail_after(10):
            async with no_leaks(opend_thread):
                with pytest.RaisesGroup(ClientClosed, ClientClosed):
                    async with trio.open_nursery() as nursery:
                        async with aiocapdist.connect(port=opend_thread.port) as client:
                            await client.aclose()
                            nursery.start_soon(client.global_state)
                            nursery.start_soon(client.capital_distribution, "HK.00700")

    trio.run(main)


def test_a_users_error_is_raised_without_a_group_at_any_depth(opend_thread: OpendThread) -> None:
    async def main() -> None:
        with trio.fail_after(10):
            async with no_leaks(opend_thread):
                with pytest.raises(ZeroDivisionError) as caught:
                    async with aiocapdist.connect(port=opend_thread.port) as outer:
                        async with aiocapdist.connect(port=opend_thread.port) as inner:
                            await outer.capital_distribution("HK.00700")
                            await inner.capital_distribution("HK.00700")
                            raise ZeroDivisionError("the user's own")
            assert caught.value.__context__ is None, "and no error of this library in its context"

    trio.run(main)


def test_awaiting_connect_on_trio_says_what_to_do_instead(opend_thread: OpendThread) -> None:
    async def main() -> None:
        connecting = aiocapdist.connect(port=opend_thread.port)
        with pytest.raises(RuntimeError, match="on trio use: async with"):
            await connecting
        async with connecting as client:
            assert client.status.state == "ready"

    trio.run(main)
