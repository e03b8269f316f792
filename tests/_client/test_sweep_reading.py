"""How a sweep is read: once, no faster than it goes, and with turns for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pytest

import aiocapdist
from aiocapdist import Quota
from aiocapdist._client.sweep import REFILL_EVERY
from aiocapdist._requests.sweep_source import WINDOW
from aiocapdist.simulator import Simulator

from ..support.transports import asked_codes

pytestmark = pytest.mark.anyio


async def test_it_runs_no_further_ahead_of_its_reader_than_its_lead() -> None:
    drawn = 0

    def wanted() -> Iterator[str]:
        nonlocal drawn
        for drawn in range(1, 10_000):
            yield f"SH.{drawn:06d}"

    with anyio.fail_after(20):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(100_000, 1.0)) as client,
        ):
            async for _ in client.capital_distributions(wanted()):
                while len(asked_codes(opend)) < WINDOW:
                    await anyio.lowlevel.checkpoint()
                await client.global_state()
                assert drawn <= WINDOW + 1
                break
        assert len(asked_codes(opend)) == WINDOW


async def test_others_get_their_turn_while_one_is_read_that_has_all_its_outcomes() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port) as client,
            anyio.create_task_group() as group,
        ):
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await anyio.lowlevel.checkpoint()

            group.start_soon(count)
            seen = []
            async for _ in client.capital_distributions(["no code"] * 1000):
                seen.append(turns)
            group.cancel_scope.cancel()
    # Twice that: trio draws lots for who goes first in each round, so one may be missed.
    assert max(Counter(seen).values()) <= 2 * REFILL_EVERY


async def test_it_is_iterated_once() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            sweep = client.capital_distributions(["HK.00700"])
            await sweep.collect()
            with pytest.raises(RuntimeError, match="once"):
                await sweep.collect()
