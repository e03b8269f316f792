"""Sweeps: as they come, every code one outcome, nothing spent for nobody."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import anyio
import pytest

import aiocapdist
from aiocapdist import (
    CapitalDistribution,
    ClientClosed,
    InvalidCode,
    Quota,
    UnknownSecurity,
)
from aiocapdist._requests.sweep_source import WINDOW
from aiocapdist.simulator import Simulator

pytestmark = pytest.mark.anyio


def asked(opend: Simulator) -> list[str | None]:
    return [request.code for request in opend.requests if request.proto_id == 3212]


def wide() -> Quota:
    return Quota(100_000, 1.0)


async def test_one_bad_code_never_ends_it() -> None:
    wanted = ["HK.00700", "hk.00001", "", "HK.99999", 5, None, "US.AAPL"]
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            outcomes = [o async for o in client.capital_distributions(wanted)]  # type: ignore[arg-type]
        assert len(outcomes) == len(wanted)
    by_code = {o.code: o for o in outcomes}
    assert by_code["HK.00700"].unwrap().code == "HK.00700"
    assert isinstance(by_code["US.AAPL"].value, CapitalDistribution)
    assert isinstance(by_code["HK.99999"].error, UnknownSecurity)
    for code in ("hk.00001", "", "5", "None"):
        assert isinstance(by_code[code].error, InvalidCode)
    with pytest.raises(InvalidCode):
        by_code["hk.00001"].unwrap()


async def test_bad_codes_need_no_token() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(1, 60.0)) as client,
        ):
            await client.capital_distribution("HK.00001")
            report = await client.capital_distributions(["x", "y", "x"]).collect()
    assert list(report.errors) == ["x", "y"]


async def test_a_sweep_can_be_awaited_once() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            sweep = client.capital_distributions(["US.AAPL", "x", "HK.00700"])
            result = await sweep
            with pytest.raises(RuntimeError, match="a sweep is iterated once; ask for another"):
                await sweep
            assert asked(opend) == ["US.AAPL", "HK.00700"]
    assert (list(result.values), list(result.errors)) == (["US.AAPL", "HK.00700"], ["x"])


async def test_collect_keeps_the_order_of_the_codes() -> None:
    wanted = [f"HK.{n:05d}" for n in range(50, 0, -1)]
    wanted[10:10] = ["bad", "HK.99999"]
    with anyio.fail_after(5):
        async with (
            Simulator(quota=None, latency=(0.0, 0.02)) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            report = await client.capital_distributions(code for code in wanted).collect()
    assert list(report.values) == [c for c in wanted if c not in ("bad", "HK.99999")]
    assert list(report.errors) == ["bad", "HK.99999"]


@pytest.mark.parametrize("kind", [list, iter], ids=["list", "iterator"])
async def test_a_code_given_twice_costs_one_request(kind: type) -> None:
    wanted = ["HK.00700", "HK.00001", "HK.00700", "HK.99999", "HK.99999", "x", "x"]
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            outcomes = [o async for o in client.capital_distributions(kind(wanted))]
        assert sorted(o.code for o in outcomes) == sorted(wanted)
        assert sorted(map(str, asked(opend))) == ["HK.00001", "HK.00700", "HK.99999"]


async def test_an_iterators_repeat_long_after_costs_nothing_either() -> None:
    def wanted() -> Iterator[str]:
        yield "HK.00700"
        for n in range(1, 3 * WINDOW):
            yield f"SH.{n:06d}"
        yield "HK.00700"

    with anyio.fail_after(20):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            got = [o.code async for o in client.capital_distributions(wanted())]
        assert got.count("HK.00700") == 2
        assert asked(opend).count("HK.00700") == 1


async def test_it_joins_what_others_ask_and_they_join_it() -> None:
    async with (
        Simulator(quota=None, latency=0.02) as opend,
        aiocapdist.connect(port=opend.port, quota=wide()) as client,
    ):
        singles: list[CapitalDistribution] = []

        async def ask() -> None:
            singles.append(await client.capital_distribution("HK.00700"))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                report = await client.capital_distributions(["HK.00700", "HK.00001"]).collect()
                group.start_soon(ask)
            assert report.values["HK.00700"] is singles[0]
        assert asked(opend).count("HK.00700") == 2


async def test_dropping_it_midway_leaves_nothing_behind() -> None:
    with anyio.fail_after(10):
        async with (
            Simulator(quota=None, latency=5.0) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            with anyio.move_on_after(0.2):
                async for _ in client.capital_distributions(f"HK.{n:05d}" for n in range(1, 50)):
                    raise AssertionError("nothing is answered so soon")
            # Whoever threw the cancellation in holds it until this task next waits.
            await anyio.lowlevel.checkpoint()
            assert client._single_flight.pending == {}
            assert client.quota.waiting == 0
            assert client._hub.listeners == client._queues.all


async def test_what_others_joined_goes_on_when_a_sweep_is_left() -> None:
    async with (
        Simulator(latency=0.05) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):
        got: list[CapitalDistribution] = []

        async def ask() -> None:
            got.append(await client.capital_distribution("HK.00700"))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                sweep = client.capital_distributions(["HK.00700", "HK.00001"])
                reader = aiter(sweep)
                group.start_soon(ask)
                while not client._single_flight.pending["HK.00700"].waiters:
                    await anyio.lowlevel.checkpoint()
                await sweep.aclose()
                await reader.aclose()
        assert got[0].code == "HK.00700"
        assert asked(opend).count("HK.00700") == 1


async def test_what_the_users_iterable_raises_comes_after_what_was_asked() -> None:
    def wanted() -> Iterator[str]:
        yield "HK.00001"
        yield "HK.00002"
        raise LookupError("the list of codes broke")

    got = []
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            with pytest.raises(LookupError, match="broke"):
                async for outcome in client.capital_distributions(wanted()):
                    got.append(outcome.code)
    assert sorted(got) == ["HK.00001", "HK.00002"]


async def test_closing_the_client_fails_every_code_that_is_left() -> None:
    outcomes = []
    with anyio.fail_after(10):
        async with Simulator() as opend, anyio.create_task_group() as group:
            async with aiocapdist.connect(port=opend.port) as client:

                async def sweep() -> None:
                    wanted = [f"HK.{n:05d}" for n in range(1, 2001)]
                    async for outcome in client.capital_distributions(wanted):
                        outcomes.append(outcome)

                group.start_soon(sweep)
                while len(outcomes) < 30:
                    await anyio.lowlevel.checkpoint()
    assert len(outcomes) == 2000
    assert sum(o.value is not None for o in outcomes) == 30
    assert all(isinstance(o.error, ClientClosed) for o in outcomes[30:])


async def test_an_empty_sweep_ends_at_once() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            assert [o async for o in client.capital_distributions([])] == []
            report = await client.capital_distributions(iter(())).collect()
            assert (report.values, report.errors) == ({}, {})


async def test_one_string_is_a_mistake_and_told_so() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            with pytest.raises(TypeError, match=r"try \['HK.00700'\]"):
                client.capital_distributions("HK.00700")


async def test_max_age_spares_requests() -> None:
    wanted = ["HK.00001", "HK.00002"]
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            await client.capital_distribution("HK.00001")
            report = await client.capital_distributions(wanted, max_age=60.0).collect()
            assert list(report.values) == wanted
            assert asked(opend) == ["HK.00001", "HK.00002"]


async def test_a_sweep_never_begun_costs_nothing() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            sweep = client.capital_distributions(["HK.00001"])
            await sweep.aclose()
            del sweep
            gc.collect()
            await client.global_state()
            assert asked(opend) == []
