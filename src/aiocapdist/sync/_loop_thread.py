"""An event loop in a thread of its own, on which one client lives."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from threading import enumerate as all_threads
from typing import Any, ParamSpec, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from .._client.lifecycle import ClientT, Lifecycle
from .._loop import on_asyncio, threadsafe_scheduler
from ..errors import ClientClosed

P = ParamSpec("P")
T = TypeVar("T")


STARTS_WITHIN = 1.0
"""Seconds until a thread that the system has made begins to run, at most."""
LOOKS_EVERY = 0.5
"""Seconds after which a waiting thread looks whether it was interrupted. Python cannot wake one for
a signal that came just before it began to wait, or that the system gave to another thread."""


class LoopThread:
    """Runs an event loop in a daemon thread, from :meth:`enter` to :meth:`stop`."""

    def __init__(self) -> None:
        check_no_loop_runs()
        self._entered: Lifecycle[Any] | None = None
        self._started: Future[None] = Future()
        self._portal: BlockingPortal
        self._closing: anyio.Event
        self._soon: Callable[[Callable[[], object]], object]
        self._begun = Event()
        self._thread = Thread(target=self._run, name="aiocapdist", daemon=True)

    @property
    def runs(self) -> bool:
        """True until the loop has ended; False in a forked child, which has no such thread."""
        return self._thread.is_alive()

    def enter(self, connecting: Lifecycle[ClientT]) -> ClientT:
        """Enter a client, which is left when the loop is stopped. If it raises, the loop ends."""

        async def entering() -> ClientT:
            client = await connecting.__aenter__()
            self._entered = connecting
            return client

        try:
            self._thread.start()
            self._started.result()
            return self.run(entering)
        except BaseException:
            self.stop()
            raise

    def run(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await a call on the loop. Cancel it if this thread is interrupted, as by Ctrl-C."""
        check_no_loop_runs()
        # Made here, so that an interrupt at any moment has something to cancel.
        result: Future[T] = Future()
        call = partial(function, *args, **kwargs)
        try:
            self._start(_relay, result, call, self._soon)
            return _wait_for(result)
        except BaseException:
            result.cancel()
            raise

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that does not wait, on the loop; here if the loop has ended."""
        try:
            return self.call_on_loop(function, *args, **kwargs)
        except ClientClosed:
            return function(*args, **kwargs)

    def call_on_loop(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that does not wait, on the loop. ClientClosed if the loop has ended."""

        async def calling() -> T:
            return function(*args, **kwargs)

        return self.run(calling)

    def stop(self) -> None:
        """End the loop: calls that wait end with ClientClosed. Repeatable."""
        self.stop_soon()
        if self._thread in all_threads():
            # An interrupt may have come while the thread was being started: it is not alive yet.
            self._begun.wait(STARTS_WITHIN)
            with suppress(RuntimeError):  # it was not started
                self._thread.join()

    def stop_soon(self) -> None:
        """End the loop without waiting for it. For finalizers too, in any thread."""
        if self._started.cancel() or not self.runs:
            return  # it has not begun, or has ended
        with suppress(RuntimeError):  # it ends just now
            self._soon(self._closing.set)

    def _start(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        if self.runs:
            # It may have ended just now.
            with suppress(RuntimeError):
                self._portal.start_task_soon(function, *args)
                return
        raise ClientClosed

    def _run(self) -> None:
        self._begun.set()
        anyio.run(self._serve)

    async def _serve(self) -> None:
        async with BlockingPortal() as portal:
            self._portal = portal
            self._closing = anyio.Event()
            self._soon = threadsafe_scheduler()
            if not self._started.set_running_or_notify_cancel():
                return  # interrupted before it began
            self._started.set_result(None)
            await self._closing.wait()
            if self._entered is not None:
                await self._entered.__aexit__(None, None, None)


def _wait_for(result: Future[T]) -> T:
    while not result.done():
        with suppress(TimeoutError):
            result.exception(LOOKS_EVERY)
    return result.result()


async def _relay(
    result: Future[T],
    call: Callable[[], Awaitable[T]],
    soon: Callable[[Callable[[], object]], object],
) -> None:
    """Await a call and hand over its result; cancel it when nobody waits for that any more."""
    with anyio.CancelScope() as scope:
        result.add_done_callback(lambda future: soon(scope.cancel) if future.cancelled() else None)
        try:
            value = await call()
        except Exception as error:
            if result.set_running_or_notify_cancel():
                result.set_exception(error)
        else:
            if result.set_running_or_notify_cancel():
                result.set_result(value)


def check_no_loop_runs() -> None:
    """Raise RuntimeError if an event loop runs in this thread: it would be blocked."""
    trio: Any = sys.modules.get("trio")
    if on_asyncio() or (trio is not None and trio.lowlevel.in_trio_run()):
        raise RuntimeError(
            "aiocapdist.sync would block the event loop that runs here; "
            "use aiocapdist.connect() and `await` its calls (cells of a notebook can await)"
        )
