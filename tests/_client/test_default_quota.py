"""Clients that were given no quota share one for each OpenD, within a process."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
import trio

import aiocapdist
from aiocapdist import Quota
from aiocapdist.simulator import Simulator

from ..support.loops import LOOPS

CODES = [f"HK.{n:05d}" for n in range(1, 26)]


def available_after(opend: Simulator, count: int) -> int:
    """Use OpenD from an event loop of its own; return what is left of the quota."""

    async def use() -> int:
        async with aiocapdist.connect(port=opend.port) as client:
            result = await client.capital_distributions(CODES[:count]).collect()
            assert not result.errors
            return client.quota.available

    return asyncio.run(use())


@pytest.fixture
def opend() -> Any:
    """A simulator on a thread of its own."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(Simulator()) as simulator:
            yield simulator


def test_a_second_run_knows_what_the_first_spent(opend: Simulator) -> None:
    assert [available_after(opend, 10) for _ in range(3)] == [20, 10, 0]
    assert [request.outcome for request in opend.requests].count("refused") == 0


def test_a_later_client_on_trio_knows_it_too(opend: Simulator) -> None:
    async def use() -> int:
        async with aiocapdist.connect(f"localhost:{opend.port}") as client:
            return client.quota.available

    assert available_after(opend, 10) == 20
    assert trio.run(use) == 20


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_clients_of_one_address_share_a_quota_and_others_do_not() -> None:
    async with Simulator() as one, Simulator() as other:
        async with (
            aiocapdist.connect(port=one.port) as first,
            aiocapdist.connect(f"tcp://localhost:{one.port}") as second,
            aiocapdist.connect(port=other.port) as third,
            aiocapdist.connect(one.memory) as fourth,
            aiocapdist.connect(port=one.port, quota=Quota()) as fifth,
        ):
            assert first.quota is second.quota
            assert first.flow_quota is second.flow_quota
            quotas = {id(client.quota) for client in (first, third, fourth, fifth)}
            assert len(quotas) == 4


def test_a_second_event_loop_at_the_same_time_counts_alone_with_a_warning(
    opend: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "aiocapdist")
    connected, done = threading.Event(), threading.Event()

    async def hold() -> None:
        async with aiocapdist.connect(port=opend.port):
            connected.set()
            await asyncio.to_thread(done.wait, 10.0)

    other = threading.Thread(target=asyncio.run, args=(hold(),))
    other.start()
    try:
        assert connected.wait(10.0)
        assert available_after(opend, 1) == 29
    finally:
        done.set()
        other.join(10.0)
    (warning,) = [r for r in caplog.records if "two event loops" in r.getMessage()]
    assert f"127.0.0.1:{opend.port}" in warning.getMessage()
