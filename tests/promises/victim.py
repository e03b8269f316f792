"""Clients in a process of their own, whose memory is measured while their peer attacks them.

``python -m tests.promises.victim URL ROUNDS CLIENTS LOOP``: each round makes this many clients,
each with an event stream that is never read and one call. Once all are there, each calls again,
and the peer attacks. Prints the process's size while the first clients are idle, and its peak
after each round.
"""

from __future__ import annotations

import gc
import json
import sys
from contextlib import AsyncExitStack

import anyio

import aiocapdist
from aiocapdist import Client


def size(what: str) -> int:
    """Return this process's memory in KiB: ``VmRSS`` now, ``VmHWM`` the peak so far."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what))


async def ask(client: Client) -> str:
    try:
        await client.global_state()
        return "answered"
    except aiocapdist.AiocapdistError as error:
        return type(error).__name__


async def main(url: str, rounds: int, number: int) -> None:
    for n in range(rounds):
        ended: list[str] = []

        async def suffer(client: Client, ended: list[str] = ended) -> None:
            ended.append(await ask(client))

        async with AsyncExitStack() as stack:
            clients, listeners = [], []
            for _ in range(number):
                client = await stack.enter_async_context(
                    aiocapdist.connect(url, request_timeout=100.0)
                )
                listeners.append(client.events())
                clients.append(client)
                assert await ask(client) == "answered"
            if n == 0:
                gc.collect()
                print(json.dumps({"idle": size("VmHWM")}))
            async with anyio.create_task_group() as group:
                for client in clients:
                    group.start_soon(suffer, client)
            print(json.dumps({"peak": size("VmHWM"), "ended": sorted(set(ended))}))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), backend=sys.argv[4])
