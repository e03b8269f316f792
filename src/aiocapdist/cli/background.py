"""A task that runs beside a body."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVarTuple

import anyio

Arguments = TypeVarTuple("Arguments")


@asynccontextmanager
async def background(
    function: Callable[[*Arguments], Awaitable[object]], *arguments: *Arguments
) -> AsyncIterator[None]:
    """Run a function until the body ends. The first error of either ends both, and is raised."""
    failure: Exception | None = None

    async def run() -> None:
        nonlocal failure
        try:
            await function(*arguments)
        except Exception as error:
            failure = failure or error
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        try:
            yield
        except Exception as error:
            failure = failure or error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure  # not wrapped in a group
