"""Interrupt a coroutine at its k-th await, or at the n-th step of the whole event loop.

An *interrupt* is whatever a test does at that point: cancel the task, cancel its scope, have
another task close the client. :func:`interrupt_everywhere` does it at 1, 2, 3 … until the
coroutine ends before its point comes, so that no await is left out, however many there are.
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
MOST_POINTS = 5000
"""Interrupts of one coroutine at most: one that never ends is an error."""


class Point(Enum):
    """Where a coroutine is interrupted."""

    BEGINS = "as it begins to wait for the k-th time"
    ENDS = "as its k-th wait is over, before it goes on: asyncio's own cancel can come there"
    STEP = "before the n-th step of any task or callback on the loop, counted from its start"


class Run:
    """One run of a coroutine, interrupted once."""

    def __init__(
        self, operation: Operation, point: Point, number: int, interrupt: Interrupt
    ) -> None:
        self.scope = anyio.CancelScope()
        self.task: asyncio.Task[None] | None = None
        self.interrupted = False
        self.awaits = 0
        self.ended = False
        self.value: Any = None
        self.must_be_cancelled = False
        self._operation = operation
        self._point = point
        self._number = number
        self._interrupt = interrupt

    async def run(self) -> None:
        """Run the coroutine to its end."""
        if on_asyncio():
            # A plain asyncio task, as a user's: without a scope around it, cancelled on its own.
            self.task = asyncio.ensure_future(self._body())
            with self._steps_counted():
                await asyncio.wait([self.task])
            if not self.task.cancelled():
                assert not self.must_be_cancelled, "the cancellation was swallowed"
                self.task.result()
        else:
            with self._steps_counted():
                async with anyio.create_task_group() as group:
                    group.start_soon(self._body)

    def interrupt(self) -> None:
        """Interrupt it now, unless it has ended."""
        if not self.ended:
            self.interrupted = True
            self._interrupt(self)

    async def _body(self) -> None:
        try:
            with self.scope:
                self.value = await _Observed(self)
        finally:
            self.ended = True

    def waits(self, yielded: Any) -> None:
        """Note that it begins to wait, for what it yielded to the loop."""
        self.awaits += 1
        if self._point is Point.STEP or self.awaits != self._number:
            return
        if self._point is Point.BEGINS:
            self.interrupt()
        elif yielded is None:
            asyncio.get_running_loop().call_soon(self.interrupt)
        else:
            # Called before the task's own callback: the future is done, the task not yet awake.
            yielded.add_done_callback(lambda _: self.interrupt())

    @contextmanager
    def _steps_counted(self) -> Iterator[None]:
        if self._point is not Point.STEP:
            yield
            return
        with steps(self._number, self.interrupt):
            yield

    def steps_of_coroutine(self) -> Generator[Any, Any, Any]:
        """Run the coroutine step by step, noting each time it waits."""
        coroutine = self._operation()
        step: Callable[[Any], Any] = coroutine.send
        value: Any = None
        while True:
            try:
                yielded = step(value)
            except StopIteration as stop:
                return stop.value
            self.waits(yielded)
            try:
                value = yield yielded
                step = coroutine.send
            except BaseException as error:
                step, value = coroutine.throw, error


class _Observed:
    def __init__(self, run: Run) -> None:
        self._run = run

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._run.steps_of_coroutine()


Interrupt: TypeAlias = Callable[[Run], None]


def cancel_task(run: Run) -> None:
    """Cancel as asyncio does: once, through every scope and shield, and never swallowed."""
    assert run.task is not None
    run.must_be_cancelled = run.task.cancel()


def cancel_scope(run: Run) -> None:
    """Cancel as anyio and trio do: at every checkpoint from now on."""
    run.scope.cancel()


@contextmanager
def steps(number: int, function: Callable[[], None]) -> Iterator[None]:
    """Call ``function`` before the loop's n-th step from here: a callback or a task's step."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == number:
            function()

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

    handles: Any = asyncio.Handle
    run_handle = handles._run

    def counted(handle: asyncio.Handle) -> None:
        step()
        run_handle(handle)

    handles._run = counted
    try:
        yield
    finally:
        handles._run = run_handle


async def interrupt_everywhere(
    scene: Callable[[], AbstractAsyncContextManager[Operation]],
    point: Point,
    interrupt: Interrupt,
    check: Callable[[Run], Awaitable[None]],
    *,
    stride: int = 1,
) -> int:
    """Interrupt at 1, 2, 3 …, each time in a new ``scene``, and ``check`` after each.

    Returns the number of interrupts that came before the end. With a ``stride``, only every
    such number is used.
    """
    count = 0
    for number in range(1, MOST_POINTS, stride):
        async with scene() as operation:
            run = Run(operation, point, number, interrupt)
            with anyio.fail_after(10):
                await run.run()
        await check(run)
        count += run.interrupted
        if not run.interrupted:
            return count
    raise AssertionError(f"after {MOST_POINTS} interrupts it had not ended on its own")
