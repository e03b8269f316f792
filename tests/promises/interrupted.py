"""A program that is interrupted while it closes its client, again and again, in one process.

``python -m tests.promises.interrupted RUNNER SCENES PRESSES SHARE PORT``: in each run another
statement of the closing code is interrupted, and the PRESSES - 1 statements executed next. SHARE
is ``k/n``: every n-th statement beginning with the k-th; or ``~n``: n runs, each interrupted
PRESSES times at random moments, within whatever runs then. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import logging
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeAlias

from ..support.interrupts import INTERRUPTS, Functions, instrument

CLOSING: Functions = {
    "aiocapdist/_loop.py": ["wait_shielded"],
    "aiocapdist/_task_group.py": ["run_child", "exit_in", "_join", "_run"],
    "anyio/_backends/_asyncio.py": ["task_done", "_deliver_cancellation"],
    "aiocapdist/_client/lifecycle.py": ["__aexit__", "_leave_group"],
    "aiocapdist/_connection/hub.py": ["run", "aclose", "finish", "run_all", "fail_all"],
    "aiocapdist/_connection/supervisor.py": [
        *("stop", "stay_connected", "release", "_end", "_end_calls", "_fail_calls"),
        *("_settle_flights", "_reconnect_until_closed"),
        *("_one_connection", "_lost", "_refresh", "final_error", "loss"),
    ],
    "aiocapdist/_connection/used_quotas.py": ["detach_all", "detach"],
    "aiocapdist/_connection/supervisors.py": ["stop", "stay_connected", "release", "fail"],
    "aiocapdist/_connection/connection.py": ["run", "_tell_all", "abandon"],
    "aiocapdist/_connection/event_stream.py": ["close", "end", "_wake"],
    "aiocapdist/_transports/tcp.py": ["run", "close", "connection_lost"],
    "aiocapdist/_transports/stream.py": ["run", "close", "_read", "_write"],
    "aiocapdist/_requests/queue.py": ["fail", "drain", "_leave_all", "refresh"],
    "aiocapdist/_requests/request.py": ["lost", "fail", "_finish", "wait"],
    "aiocapdist/_requests/single_flight.py": ["on_done"],
    "aiocapdist/_requests/sweep_source.py": ["fail", "leave", "on_done", "_drop_pending"],
}
Run: TypeAlias = Callable[[Callable[[], Awaitable[None]]], None]
NOT_CLOSED = "RuntimeError('Cannot close a running event loop')"
"""uvloop's own end was interrupted: it believes that it runs, and nothing on it can be closed."""
HUNG_AFTER = 20.0  # seconds of one run; closing itself takes 3 s at most
CODES = [f"HK.{n:05d}" for n in range(1, 12)]


def raise_interrupt(*_: object) -> None:
    """The handler of programs whose loop installs none."""
    raise KeyboardInterrupt


def main() -> None:
    runner, scenes, presses, share, port = sys.argv[1:]
    instrument(CLOSING)
    if presses == "1":
        from aiocapdist import _loop

        _loop.CLOSING_LIMIT = 15.0  # no wait passes for a moment in which the machine was busy
    warnings.simplefilter("ignore")  # a loop that is interrupted twice leaves tasks behind
    logging.disable(logging.CRITICAL)
    raising = runner.endswith("raising")
    signal.signal(signal.SIGINT, raise_interrupt if raising else signal.default_int_handler)
    run = RUNNERS[runner.removesuffix(" raising")]
    found: list[dict[str, Any]] = []
    statements = 0
    for scene in scenes.split():
        if share.startswith("~"):
            draw = random.Random(f"{runner} {scene}")
            for _ in range(int(share[1:])):
                moments = [draw.uniform(0.0, 0.06)]
                moments += [draw.uniform(0.0, 0.005) for _ in range(int(presses) - 1)]
                found.append(Trial(run, scene, int(port), at_moments=moments).result)
        else:
            first, step = map(int, share.split("/"))
            total = Trial(run, scene, int(port)).count
            statements += total
            for number in range(first, total, step):
                at = range(number, number + int(presses))
                found.append(Trial(run, scene, int(port), at).result)
    print(json.dumps({"statements": statements, "runs": found}))


class Trial:
    """One run, interrupted at these statements of its closing or at these moments.

    Each moment is in seconds since the one before.
    """

    def __init__(self, run: Run, scene: str, port: int, at: Any = (), at_moments: Any = ()) -> None:
        import aiocapdist

        from ..support import internals

        self._scene, self._port, self._at = scene, port, at
        # Few tokens, so that calls queue. Of random moments there may be many runs before one.
        self._quota = aiocapdist.Quota(5, 0.2 if at_moments else 60.0)
        self._client: Any = None
        faulthandler.dump_traceback_later(HUNG_AFTER, exit=True)
        began = time.monotonic()
        with Presses(at_moments) as self._presses:
            ended = self._presses.end_of(lambda: run(self._program))
        seconds = time.monotonic() - began
        self.count = INTERRUPTS.disarm()
        unfinished = self._client is None or not internals.is_finished(self._client)
        if unfinished and ended != NOT_CLOSED:
            # The loop was left before its tasks had ended: asyncio.run does so at the next Ctrl-C.
            asyncio.run(self._use_again())
        faulthandler.cancel_dump_traceback_later()
        self.result = {
            "scene": scene,
            "ended": ended,
            "places": INTERRUPTS.places,
            "seconds": round(seconds, 2),
            "users": internals.users(self._quota),
            "held": internals.tokens_as_they_stand(self._quota)[0].held,
            "unfinished": unfinished,
        }

    async def _use_again(self) -> None:
        """Close what is left; use the quota on another event loop, if its tokens are back soon."""
        import aiocapdist

        if self._client is not None:
            await self._client.aclose()
        if self._quota.period < 1.0:
            async with aiocapdist.connect(port=self._port, quota=self._quota) as client:
                await client.capital_distribution(CODES[0])

    async def _program(self) -> None:
        import aiocapdist

        self._client = None
        self._presses.begin()
        connects = [
            aiocapdist.connect(port=self._port, quota=self._quota)
            for _ in range(2 if self._scene == "group" else 1)
        ]
        connecting: Any = connects[0]
        if self._scene == "group":
            connecting = aiocapdist.connect_many(connects)
        if self._scene == "awaited":
            self._client = client = await connecting
            await self._use(client)
            INTERRUPTS.arm(self._at)
            await client.aclose()
        else:
            async with connecting as self._client:
                await self._use(self._client)
                INTERRUPTS.arm(self._at)

    async def _use(self, client: Any) -> None:
        """Leave calls in flight and in the queue, a sweep and a listener."""
        await client.capital_distribution(CODES[0])
        if self._scene == "idle" or not on_asyncio():
            return
        self._tasks = [
            *(asyncio.ensure_future(client.capital_distribution(code)) for code in CODES[1:8]),
            asyncio.ensure_future(client.capital_distributions(CODES).collect()),
            asyncio.ensure_future(anext(client.events())),
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class Presses:
    """Presses Ctrl-C at these moments after :meth:`begin`, from another thread."""

    def __init__(self, moments: list[float]) -> None:
        self._moments = moments
        self._pressed = False
        self._begun = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._press)

    def __enter__(self) -> Self:
        self._handler = signal.getsignal(signal.SIGINT)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._begun.set()
        self._thread.join()
        signal.signal(signal.SIGINT, self._handler)

    def begin(self) -> None:
        """Begin, unless it did: an event loop that is being set up or imported is no matter."""
        self._begun.set()

    def end_of(self, run: Callable[[], None]) -> str:
        """Return how the function ended. What is pressed after that is ignored.

        With moments, it is run again until Ctrl-C is pressed for the first time.
        """
        try:
            try:
                ended = self._run(run)
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            ended = "KeyboardInterrupt"
        self._over.set()
        return ended

    def _run(self, run: Callable[[], None]) -> str:
        try:
            run()
            while self._moments and not self._pressed:
                run()
        except KeyboardInterrupt:
            return "KeyboardInterrupt"
        except BaseException as error:
            return repr(error)
        return "returned"

    def _press(self) -> None:
        self._begun.wait()
        for moment in self._moments:
            if self._over.wait(moment):
                return
            self._pressed = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def on_asyncio() -> bool:
    from aiocapdist._loop import on_asyncio

    return on_asyncio()


def on_uvloop(main: Callable[[], Any]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def on_plain_asyncio(main: Callable[[], Any]) -> None:
    asyncio.run(main())


def on_trio(main: Callable[[], Any]) -> None:
    import trio

    trio.run(main)


RUNNERS: dict[str, Run] = {
    "asyncio": on_plain_asyncio,
    "uvloop": on_uvloop,
    "trio": on_trio,
}

if __name__ == "__main__":
    main()
