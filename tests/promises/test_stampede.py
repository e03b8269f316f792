"""Promise 14: 500 clients do not reconnect all at once when one gateway is restarted.

On virtual time over memory. The measure is the largest number of attempts to connect within any
100 ms, tried or successful, compared with the same clients reconnecting at a fixed six seconds
after the loss and after each failure, as the vendor's client does.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left

import anyio
import pytest
import trio
import trio.testing

import aiocapdist
from aiocapdist import Client, Disconnected, Quota
from aiocapdist._transports.memory import MemoryListener, MemoryStream
from aiocapdist.simulator import Simulator

from ..support.transports import NOW, SEED, amounts, expected_amounts
from .scale import SCALE, figure

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "anyio_backend",
        [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})],
        ids=[""],
    ),
]
CLIENTS = 500
FIXED = 6.0
AWAY = [0.05, 1.0, 10.0, 120.0] if SCALE > 1 else [1.0]


class Connector:
    """Connects all clients; records the time of each attempt and of each success."""

    def __init__(self, listener: MemoryListener) -> None:
        self.tried: list[float] = []
        self.opened: list[float] = []
        self.all_back = anyio.Event()
        self._listener = listener

    async def open(self) -> MemoryStream:
        self.tried.append(trio.current_time())
        stream = await self._listener.open()
        self.opened.append(trio.current_time())
        if len(self.opened) == CLIENTS:
            self.all_back.set()
        return stream


def peak(times: list[float], within: float = 0.1) -> int:
    """Return the largest number of these times in any half-open span of this length."""
    ordered = sorted(times)
    return max(bisect_left(ordered, at + within) - n for n, at in enumerate(ordered))


def fixed_attempts(losses: list[float], back_at: float) -> list[float]:
    """Return when the clients would try, six seconds after each loss and each failure."""
    tried = []
    for lost_at in losses:
        failures = max(0, math.ceil((back_at - lost_at) / FIXED) - 1)
        tried += [lost_at + FIXED * (n + 1) for n in range(failures + 1)]
    return tried


async def note_losses(client: Client, losses: list[float]) -> None:
    async for event in client.events():
        if isinstance(event, Disconnected):
            losses.append(trio.current_time())


@pytest.mark.parametrize("away", AWAY)
async def test_after_a_restart_clients_reconnect_spread_over_time(away: float) -> None:
    random.seed(14)  # the delays are drawn from this
    async with (
        Simulator(seed=SEED, now=lambda: NOW, quota=None) as opend,
        anyio.create_task_group() as group,
    ):
        connector = Connector(opend.memory)
        losses: list[float] = []
        clients: list[Client] = []
        told = anyio.Event()

        async def live() -> None:
            async with aiocapdist.connect(connector, quota=Quota(10, 1.0)) as client:
                clients.append(client)
                group.start_soon(note_losses, client, losses)
                await told.wait()

        for _ in range(CLIENTS):
            group.start_soon(live)
        await trio.sleep(2.0)
        assert len(clients) == opend.connections == CLIENTS
        connector.tried.clear()
        connector.opened.clear()
        connector.all_back = anyio.Event()
        began = trio.current_time()
        await opend.go_away()
        await trio.sleep(away)
        await opend.come_back()
        with trio.fail_after(31.0):  # no delay is longer than 30 s
            await connector.all_back.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert opend.connections == CLIENTS
        assert len(losses) == len(connector.opened) == CLIENTS, "each connection was lost once"
        fixed = fixed_attempts(losses, began + away)
        for client in random.sample(clients, 20):
            assert amounts(await client.capital_distribution("HK.00700")) == expected_amounts(
                "HK.00700"
            )
        told.set()
        await trio.testing.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    figure(
        14,
        away=away,
        peak_tried=peak(connector.tried),
        peak_opened=peak(connector.opened),
        fixed_6_s=peak(fixed),
        tried=len(connector.tried),
        fixed_tried=len(fixed),
        last_back_after=round(max(connector.opened) - began - away, 2),
        fixed_back_after=round(max(fixed) - began - away, 2),
    )
    # The first delay is drawn from 0.2 s, so that about half of all fall into one tenth of a
    # second. Clients that are refused early draw again from 0.5 s, which adds to it.
    assert peak(connector.tried) <= 0.75 * peak(fixed)
    if away >= 1.0:
        assert peak(connector.opened) <= 0.35 * peak(fixed)
