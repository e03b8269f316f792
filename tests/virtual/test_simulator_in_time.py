"""The simulator on virtual time: idle timeout, latency, and when a request is counted."""

from __future__ import annotations

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import Quota
from aiocapdist.simulator import Simulator

from ..simulator.raw import distribution_request, frame, keep_alive_request, raw_client
from ..support.waiting import until

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("interval", [10, 3])
@pytest.mark.parametrize(
    "handshake", [True, False], ids=["after the handshake", "before the handshake"]
)
async def test_an_idle_client_is_closed_after_three_intervals(
    interval: int, handshake: bool
) -> None:
    async with (
        Simulator(keep_alive_interval=interval) as opend,
        raw_client(opend, handshake=handshake) as client,
    ):
        began = trio.current_time()
        with anyio.fail_after(1000.0):
            assert await client.is_closed()
        assert trio.current_time() - began == pytest.approx(3.0 * interval)
        await until(lambda: opend.connections == 0)


async def test_any_byte_resets_the_idle_timeout() -> None:
    async with Simulator() as opend, raw_client(opend) as client:
        for byte in frame(1004, 2, keep_alive_request().SerializeToString())[:5]:
            await trio.sleep(29.0)
            assert opend.connections == 1
            await client.send(bytes([byte]))
        with anyio.fail_after(30.1):
            assert await client.is_closed()


async def test_the_client_is_never_idle_for_that_long() -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        await trio.sleep(3600.0)
        assert client.status.reconnects == 0
        kept = [r.time for r in opend.requests if r.proto_id == 1004]
        assert len(kept) == 449, "not one every 8 seconds"


async def test_a_fixed_latency_is_the_round_trip() -> None:
    async with Simulator(latency=0.25) as opend, aiocapdist.connect(opend.memory) as client:
        began = trio.current_time()
        await client.capital_distribution("HK.00700")
        assert trio.current_time() - began == pytest.approx(0.25)
        (asked,) = (r for r in opend.requests if r.proto_id == 3212)
        assert began <= asked.time <= began + 0.25


async def test_a_latency_range_reorders_replies() -> None:
    async with (
        Simulator(latency=(0.1, 0.9), quota=None, seed=6) as opend,
        raw_client(opend) as client,
    ):
        began = trio.current_time()
        serials = list(range(10, 60))
        for serial in serials:
            await client.send(
                frame(3212, serial, distribution_request(1, "00700").SerializeToString())
            )
        came, times = [], []
        for _ in serials:
            came.append((await client.receive()).serial)
            times.append(trio.current_time() - began)
        assert came != serials
        assert sorted(came) == serials
        assert 0.1 <= times[0] < 0.3
        assert 0.7 < times[-1] <= 0.9 + 1e-9
        counted = [r for r in opend.requests if r.proto_id == 3212]
        assert [r.serial for r in counted] not in (serials, came), "not counted on the way"
        assert [r.time for r in counted] == sorted(r.time for r in counted)


async def test_the_same_seed_draws_the_same_delays() -> None:
    async def order(seed: int) -> list[str | None]:
        async with (
            Simulator(latency=(0.0, 0.5), quota=None, seed=seed) as opend,
            aiocapdist.connect(opend.memory, quota=Quota(1000, 1.0)) as client,
        ):
            codes = [f"HK.{n:05d}" for n in range(40)]
            return [o.code async for o in client.capital_distributions(codes)]

    assert await order(1) == await order(1)
    assert await order(1) != await order(2)


async def test_figures_follow_the_clock_given_as_now() -> None:
    wednesday = 1_700_028_000.0
    async with (
        Simulator(now=lambda: wednesday + trio.current_time(), quota=None) as opend,
        aiocapdist.connect(opend.memory) as client,
    ):
        first = await client.capital_distribution("HK.00700")
        await trio.sleep(60.0)
        second = await client.capital_distribution("HK.00700")
        assert first.updated_at is not None
        assert second.updated_at is not None
        assert (second.updated_at - first.updated_at).total_seconds() == 60.0
        assert second.capital_in > first.capital_in
