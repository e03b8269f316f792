"""Strikes a coroutine at its k-th await, or at the n-th step of the whole loop.

A *strike* is whatever a test wants to happen there: the task is cancelled, its scope is, the
client is closed by someone else. :func:`everywhere` does it at 1, 2, 3 … until the coroutine
has ended before its turn came, so that no await is left out, however many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from enum import Enum
from typing import Any, TypeAlias

import anyio
import trio

from aiocapdist._loop import on_asyncio

Operation: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]
FAR = 5000
"""Strikes at most in one row: a coroutine that never ends is told of, not waited for."""


class When(Enum):
    """The moment of a strike."""

    BEGINS = "as it begins to wait for the k-th time"
    ENDS = "as its k-th wait is over, before it goes on; asyncio's own cancel can come here"
    STEP = "before the k-th step of anything at all on the loop, counted from its start"


class Run:
    """One coroutine, struck once."""

    def __init__(self, operation: Operation, when: When, at: int, strike: Strike) -> None:
        self.scope = anyio.CancelScope()
        self.task: asyncio.Task[None] | None = None
        self.struck = False
        self.awaits = 0
        self.ended = False
        self.value: Any = None
        self.must_be_cancelled = False
        self._operation = operation
        self._when = when
        self._at = at
        self._strike = strike

    async def go(self) -> None:
        """The whole of it."""
        if on_asyncio():
            # A task of asyncio's own, as a user's: no scope around it, cancelled by itself.
            self.task = asyncio.ensure_future(self._body())
            with self._steps_counted():
                await asyncio.wait([self.task])
            if not self.task.cancelled():
                assert not self.must_be_cancelled, "it took no notice of being cancelled"
                self.task.result()
        else:
            with self._steps_counted():
                async with anyio.create_task_group() as group:
                    group.start_soon(self._body)

    def strike(self) -> None:
        """Now, unless it is over."""
        if not self.ended:
            self.struck = True
            self._strike(self)

    async def _body(self) -> None:
        try:
            with self.scope:
                self.value = await _Counted(self)
        finally:
            self.ended = True

    def awaiting(self, asked: Any) -> None:
        """It begins to wait, for what it asked of the loop."""
        self.awaits += 1
        if self._when is When.STEP or self.awaits != self._at:
            return
        if self._when is When.BEGINS:
            self.strike()
        elif asked is None:
            asyncio.get_running_loop().call_soon(self.strike)
        else:
            # Before the task itself is told: the future is done, the task has not gone on.
            asked.add_done_callback(lambda _: self.strike())

    @contextmanager
    def _steps_counted(self) -> Iterator[None]:
        if self._when is not When.STEP:
            yield
            return
        with steps(self._at, self.strike):
            yield

    def begin(self) -> Generator[Any, Any, Any]:
        """The coroutine's own steps, seen from outside."""
        coroutine = self._operation()
        step: Callable[[Any], Any] = coroutine.send
        value: Any = None
        while True:
            try:
                asked = step(value)
            except StopIteration as stop:
                return stop.value
            self.awaiting(asked)
            try:
                value = yield asked
                step = coroutine.send
            except BaseException as error:
                step, value = coroutine.throw, error


class _Counted:
    def __init__(self, run: Run) -> None:
        self._run = run

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._run.begin()


Strike: TypeAlias = Callable[[Run], None]


def cancel_task(run: Run) -> None:
    """asyncio's own: once, through every scope and shield, and never to be swallowed."""
    assert run.task is not None
    run.must_be_cancelled = run.task.cancel()


def cancel_scope(run: Run) -> None:
    """anyio's and trio's: at every checkpoint from now on."""
    run.scope.cancel()


@contextmanager
def steps(at: int, strike: Callable[[], None]) -> Iterator[None]:
    """Call ``strike`` before the loop's ``at``-th step from here: a callback or a task's step."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == at:
            strike()

    if not on_asyncio():

        class Counter(trio.abc.Instrument):
            def before_task_step(self, task: trio.lowlevel.Task) -> None:
                step()

        counter = Counter()
        trio.lowlevel.add_instrument(counter)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(counter)
        return

    run_handle = asyncio.Handle._run

    def counted(handle: asyncio.Handle) -> None:
        step()
        run_handle(handle)

    asyncio.Handle._run = counted  # type: ignore[method-assign]
    try:
        yield
    finally:
        asyncio.Handle._run = run_handle  # type: ignore[method-assign]


async def everywhere(
    scene: Callable[[], AbstractAsyncContextManager[Operation]],
    when: When,
    strike: Strike,
    check: Callable[[Run], Awaitable[None]],
    *,
    stride: int = 1,
) -> int:
    """Strike at 1, 2, 3 …, each time in a new ``scene``, and ``check`` after each.

    Returns how many strikes met it. ``stride`` leaves some out.
    """
    count = 0
    for at in range(1, FAR, stride):
        async with scene() as operation:
            run = Run(operation, when, at, strike)
            with anyio.fail_after(5):
                await run.go()
        await check(run)
        count += run.struck
        if not run.struck:
            return count
    raise AssertionError(f"after {FAR} strikes it had not ended by itself")
