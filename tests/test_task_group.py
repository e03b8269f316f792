"""Task groups: the same on each event loop, on asyncio by a class of our own."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from aiocapdist._task_group import create_task_group

pytestmark = pytest.mark.anyio


async def test_it_waits_for_its_tasks() -> None:
    ended: list[int] = []

    async def child(number: int) -> None:
        await anyio.lowlevel.checkpoint()
        ended.append(number)

    with anyio.fail_after(5):
        async with create_task_group() as group:
            group.start_soon(child, 1)
            group.start_soon(child, 2)
    assert sorted(ended) == [1, 2]


@pytest.mark.parametrize("waiting", ["in the block", "after the block"])
async def test_a_task_that_raises_ends_the_others_and_the_block(waiting: str) -> None:
    ended: list[str] = []

    async def other() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("other")

    async def child() -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError("child")

    with anyio.fail_after(5), pytest.raises(BaseExceptionGroup) as caught:
        async with create_task_group() as group:
            group.start_soon(other)
            group.start_soon(child)
            if waiting == "in the block":
                await anyio.sleep_forever()
    assert ended == ["other"]
    assert [str(error) for error in caught.value.exceptions] == ["child"]


async def test_a_block_that_raises_ends_the_tasks() -> None:
    ended: list[str] = []

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("child")
            raise KeyError("child")

    with anyio.fail_after(5), pytest.raises(BaseExceptionGroup) as caught:
        async with create_task_group() as group:
            group.start_soon(child)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            raise ValueError("block")
    assert ended == ["child"]
    assert {type(error) for error in caught.value.exceptions} == {ValueError, KeyError}


@pytest.mark.parametrize("waiting", ["in the block", "after the block"])
@pytest.mark.parametrize("cancelled", ["own scope", "outer scope"])
async def test_cancelled_it_ends_its_tasks(waiting: str, cancelled: str) -> None:
    ended: list[str] = []

    async def child(scope: anyio.CancelScope) -> None:
        try:
            await anyio.lowlevel.checkpoint()
            scope.cancel()
            await anyio.sleep_forever()
        finally:
            ended.append("child")

    with anyio.fail_after(5), anyio.CancelScope() as outer:
        async with create_task_group() as group:
            group.start_soon(child, outer if cancelled == "outer scope" else group.cancel_scope)
            if waiting == "in the block":
                await anyio.sleep_forever()
        ended.append("went on")
    assert ended == (["child", "went on"] if cancelled == "own scope" else ["child"])
    assert outer.cancelled_caught is (cancelled == "outer scope")
    await anyio.lowlevel.checkpoint()  # nothing of the cancellation is left
