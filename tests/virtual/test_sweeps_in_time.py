"""Sweeps, single calls and lost connections together, on virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import CapitalDistribution, Client, ClientClosed, Quota
from aiocapdist.simulator import Simulator

from ..support.internals import callers, stored_answers
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


def asked(opend: Simulator) -> list[str | None]:
    return [r.code for r in opend.requests if r.proto_id == 3212]


async def collected(client: Client, codes: list[str]) -> dict[str, CapitalDistribution]:
    report = await client.capital_distributions(codes).collect()
    assert not report.errors
    return report.values


async def test_a_sweeps_next_code_that_a_single_call_asks_for_costs_one_request() -> None:
    """The sweep waits for a token for this code, and so does the single call."""
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(2, 30.0)) as client,
        anyio.create_task_group() as group,
    ):
        await collected(client, ["HK.00001", "HK.00002"])
        swept = Call(group, collected, client, ["HK.00700"])
        await until(lambda: client.quota.waiting == 1)
        single = Call(group, client.capital_distribution, "HK.00700")
        await until(lambda: client.quota.waiting == 2)
        assert (await swept.value())["HK.00700"] is await single.value()
        assert asked(opend) == ["HK.00001", "HK.00002", "HK.00700"]
        assert client.quota.available == 1
        assert client.quota.waiting == 0


async def test_a_sweep_joins_requests_in_flight() -> None:
    async with (
        Simulator(latency=1.0) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        single = Call(group, client.capital_distribution, "HK.00700")
        await until(lambda: client.quota.available == 29)
        values = await collected(client, ["HK.00001", "HK.00700"])
        assert values["HK.00700"] is await single.value()
        assert asked(opend).count("HK.00700") == 1


async def test_a_request_of_a_left_sweep_is_sent_again_for_other_callers() -> None:
    """The request is lost and queued again; then the sweep is left, the other caller stays."""
    async with (
        Simulator(latency=1.0) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        sweep = client.capital_distributions(["HK.00700", "HK.00001"])
        reader = aiter(sweep)
        single = Call(group, client.capital_distribution, "HK.00700")
        await until(lambda: callers(client, "HK.00700"))
        opend.disconnect_all()
        await until(lambda: client.status.state == "reconnecting")
        await reader.aclose()
        with anyio.fail_after(10.0):
            assert (await single.value()).code == "HK.00700"
        assert asked(opend) == ["HK.00700"], "no caller wanted the other one"
        assert client.quota.available == 27, "two requests were lost in flight"
        assert client.quota.waiting == 0


async def test_a_request_in_flight_of_a_left_sweep_survives_a_loss_for_other_callers() -> None:
    async with (
        Simulator(latency=1.0) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        reader = aiter(client.capital_distributions(["HK.00700"]))
        single = Call(group, client.capital_distribution, "HK.00700")
        await until(lambda: callers(client, "HK.00700"))
        await reader.aclose()
        opend.disconnect_all()
        with anyio.move_on_after(60.0):
            await single.end()
        answered = single.ended
        group.cancel_scope.cancel()
        assert answered


async def test_closing_the_client_ends_a_sweep_and_its_requests_in_flight() -> None:
    outcomes = []
    async with Simulator(latency=1.0) as opend, anyio.create_task_group() as group:
        async with aiocapdist.connect(opend.memory) as client:

            async def sweep() -> None:
                async for outcome in client.capital_distributions(["HK.00001", "x", "HK.00002"]):
                    outcomes.append(outcome)

            swept = Call(group, sweep)
            await until(lambda: client.quota.available == 28)
        await swept.end()
    assert outcomes[0].code == "x"
    assert {type(o.error) for o in outcomes[1:]} == {ClientClosed}
    assert len(outcomes) == 3


async def test_two_sweeps_and_single_calls_share_each_window_evenly() -> None:
    async def singles(client: Client) -> None:
        async with anyio.create_task_group() as group:
            for n in range(100):
                group.start_soon(client.capital_distribution, f"US.S{n}")

    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(collected, client, [f"HK.{n:05d}" for n in range(100)])
            group.start_soon(collected, client, [f"SH.6{n:05d}" for n in range(100)])
            group.start_soon(singles, client)
        order = [str(code)[:2] for code in asked(opend)]
    # Each window is one burst of 30. In the first, the first to ask found all tokens free;
    # in the last two, only the last one still waits.
    for n in range(1, 8):
        assert Counter(order[30 * n : 30 * n + 30]) == {"HK": 10, "SH": 10, "US": 10}
    assert len(order) == 300


async def test_a_sweep_started_by_another_sweeps_generator_takes_turns_with_it() -> None:
    begun = []

    def codes() -> Iterator[str]:
        for n in range(100, 130):
            if n == 103:
                begun.append(aiter(client.capital_distributions([f"SH.{n}" for n in range(30)])))
            yield f"HK.{n:05d}"

    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(16, 30.0)) as client,
    ):
        reader = aiter(client.capital_distributions(codes()))
        await until(lambda: len(asked(opend)) == 16)
        order = [str(code)[:2] for code in asked(opend)]
        await reader.aclose()
        await begun[0].aclose()
    assert order[:3] == ["HK"] * 3
    assert (
        sorted(order[3:]) == ["HK"] * 6 + ["SH"] * 7 or sorted(order[3:]) == ["HK"] * 7 + ["SH"] * 6
    )


async def test_a_stored_answer_is_used_for_max_age_seconds() -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        first = await client.capital_distribution("HK.00700")
        await trio.sleep(10.0)
        assert await client.capital_distribution("HK.00700", max_age=10.0) is first
        assert (await collected(client, ["HK.00700"])) != {}
        await trio.sleep(10.125)
        assert await client.capital_distribution("HK.00700", max_age=10.0) is not first
        assert asked(opend) == ["HK.00700"] * 3


async def test_the_number_of_stored_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiocapdist._requests.single_flight.CACHED", 4)
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        for code in ("HK.00001", "HK.00002", "HK.00003", "HK.00001", "HK.00004"):
            await client.capital_distribution(code)
        for code in ("HK.00001", "HK.00003", "HK.00004", "HK.00002"):
            await client.capital_distribution(code, max_age=1000.0)
        assert len(asked(opend)) == 5
        await client.capital_distribution("HK.00005")
        # The oldest answers were forgotten, and only those.
        for code in ("HK.00001", "HK.00004", "HK.00005", "HK.00002", "HK.00003"):
            await client.capital_distribution(code, max_age=1000.0)
        assert asked(opend)[6:] == ["HK.00002", "HK.00003"]
        for n in range(100, 200):
            await client.capital_distribution(f"HK.{n:05d}")
            assert stored_answers(client) == 4


async def test_a_repeated_code_of_an_iterator_is_free_while_its_outcome_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aiocapdist._requests.sweep_source.CACHED", 3)

    def codes() -> Iterator[str]:
        yield from (
            "HK.00001",
            "HK.00002",
            "HK.00003",
            "HK.00004",
            "HK.00005",
            "HK.00003",
            "HK.00001",
        )

    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(1, 30.0)) as client,
    ):
        got = [o.code async for o in client.capital_distributions(codes())]
        assert Counter(got) == Counter(codes())
        assert asked(opend) == [
            "HK.00001",
            "HK.00002",
            "HK.00003",
            "HK.00004",
            "HK.00005",
            "HK.00001",
        ]


async def test_two_tasks_that_read_one_sweep_get_an_error_or_outcomes_but_never_hang() -> None:
    async with (
        Simulator(latency=1.0) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        reader = aiter(client.capital_distributions([f"HK.{n:05d}" for n in range(5)]))
        told = []

        async def read() -> None:
            try:
                async for _ in reader:
                    pass
            except RuntimeError as error:
                told.append(error)

        calls = [Call(group, read) for _ in range(2)]
        with anyio.move_on_after(60.0):
            for call in calls:
                await call.end()
        ended = [call.ended for call in calls]
        group.cancel_scope.cancel()
        assert ended == [True, True]
        assert [str(error) for error in told] == [
            "two tasks read one sweep; let one read, or make a sweep for each"
        ]
