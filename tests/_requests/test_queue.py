"""A lane's own care for those who wait in it."""

from __future__ import annotations

from typing import NoReturn

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota
from aiocapdist.simulator import Simulator

from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


async def test_a_fault_in_sending_ends_the_calls_that_wait_and_leaves_none_hanging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(request: object, route: object, now: float) -> NoReturn:
        raise RuntimeError("a fault of our own")

    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(1, 0.1)) as client,
            anyio.create_task_group() as group,
        ):
            await client.capital_distribution("HK.00001")
            call = Call(group, client.capital_distribution, "HK.00700")
            await until(lambda: client.quota.waiting == 1)
            monkeypatch.setattr(client._supervisor.connection, "send", broken)
            assert "a fault of our own" in str(await call.error())
            assert client.status.state == "closed"
