"""A code given several times gets as many outcomes, also where no request was needed for it."""

from __future__ import annotations

import anyio
import pytest

import aiocapdist
from aiocapdist import ClientClosed, Quota
from aiocapdist.simulator import Simulator

from ..support.waiting import until

pytestmark = pytest.mark.anyio
TWICE = ["HK.00001", "HK.00002", "HK.00001"]


async def test_where_the_answers_are_young_enough() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            await client.capital_distributions(TWICE).collect()
            again = [o.code async for o in client.capital_distributions(TWICE, max_age=60.0)]
            assert sorted(again) == sorted(TWICE)
            assert sum(request.proto_id == 3212 for request in opend.requests) == 2


async def test_where_the_client_is_closed_before_their_turn() -> None:
    outcomes = []
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(opend.memory, quota=Quota(1, 60.0)) as client,
        ):
            await client.capital_distribution("HK.00700")

            async def read() -> None:
                async for outcome in client.capital_distributions(["HK.00005", *TWICE]):
                    outcomes.append(outcome)

            async with anyio.create_task_group() as group:
                group.start_soon(read)
                await until(lambda: client.quota.waiting)
                await client.aclose()
    assert sorted(outcome.code for outcome in outcomes) == sorted(["HK.00005", *TWICE])
    assert all(isinstance(outcome.error, ClientClosed) for outcome in outcomes)


async def test_where_the_client_was_closed_before() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            await client.aclose()
            got = [o.code async for o in client.capital_distributions(TWICE)]
            assert sorted(got) == sorted(TWICE)
