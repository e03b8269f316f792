"""While OpenD is away: how long calls wait, what they end with, and what the log says."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import Client, ConnectionLost, Quota, RequestTimeout
from aiocapdist.simulator import Simulator

from ..support.waiting import Call

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def lost(**options: object) -> AsyncIterator[tuple[Simulator, Client]]:
    """A client whose OpenD went away just now."""
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, **options) as client,  # type: ignore[arg-type]
    ):
        await opend.go_away()
        await trio.testing.wait_all_tasks_blocked()
        assert client.status.state == "reconnecting"
        yield opend, client


async def test_calls_wait_sixty_seconds_from_the_loss_and_then_name_the_cause() -> None:
    async with lost() as (_, client), anyio.create_task_group() as group:
        began = trio.current_time()
        await trio.sleep(20.0)
        calls = [
            Call(group, client.capital_distribution, "HK.00700"),
            Call(group, client.capital_distribution, "HK.00700"),
            Call(group, client.capital_distribution, "HK.00001", max_wait=1000.0),
            Call(group, client.global_state),
        ]
        for call in calls:
            error = await call.error()
            assert isinstance(error, ConnectionLost)
            assert not error.sent
            assert "OpenD has been away for 60 s" in str(error)
            assert "the connection was refused" in str(error)
            assert trio.current_time() - began == pytest.approx(60.0, abs=0.1)
        assert client.quota.waiting == 0


async def test_a_call_in_flight_waits_from_the_loss_too() -> None:
    async with (
        Simulator(latency=5.0) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        call = Call(group, client.capital_distribution, "HK.00700")
        await trio.sleep(1.0)
        await opend.go_away()
        began = trio.current_time()
        assert isinstance(await call.error(), ConnectionLost)
        assert trio.current_time() - began == pytest.approx(60.0, abs=0.1)


async def test_a_sweep_ends_with_an_error_for_each_code() -> None:
    async with lost() as (_, client):
        began = trio.current_time()
        codes = [f"HK.{n:05d}" for n in range(600)]
        result = await client.capital_distributions(codes).collect()
        assert list(result.errors) == codes
        assert {type(error) for error in result.errors.values()} == {ConnectionLost}
        assert trio.current_time() - began == pytest.approx(60.0, abs=0.1)


async def test_new_calls_fail_at_once_until_opend_is_back() -> None:
    async with lost(reconnect_timeout=5.0) as (opend, client):
        await trio.sleep(6.0)
        before = trio.current_time()
        with pytest.raises(ConnectionLost, match="away for 5 s"):
            await client.capital_distribution("HK.00700")
        result = await client.capital_distributions(["HK.00700", "HK.00001"]).collect()
        assert len(result.errors) == 2
        assert trio.current_time() == before
        await opend.come_back()
        await trio.sleep(31.0)
        assert client.status.state == "ready"
        assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
        assert not (await client.capital_distributions(["HK.00700"]).collect()).errors


async def test_a_sweep_goes_on_when_opend_is_back() -> None:
    """What failed meanwhile stays failed; codes that are drawn later are answered."""
    codes = iter([f"HK.{n:05d}" for n in range(600)])
    async with lost(reconnect_timeout=5.0, quota=Quota(10_000, 1.0)) as (opend, client):
        outcomes = aiter(client.capital_distributions(codes))
        first = await anext(outcomes)
        assert isinstance(first.error, ConnectionLost)
        await opend.come_back()
        await trio.sleep(31.0)
        rest = [outcome async for outcome in outcomes]
        assert len(rest) == 599
        assert rest[-1].value is not None


async def test_without_a_reconnect_timeout_calls_wait_for_as_long_as_it_takes() -> None:
    async with lost(reconnect_timeout=None) as (opend, client), anyio.create_task_group() as group:
        call = Call(group, client.capital_distribution, "HK.00700")
        await trio.sleep(10_000.0)
        assert not call.ended
        await opend.come_back()
        assert (await call.value()).code == "HK.00700"


async def test_each_loss_has_its_sixty_seconds() -> None:
    async with lost() as (opend, client), anyio.create_task_group() as group:
        await trio.sleep(50.0)
        await opend.come_back()
        await trio.sleep(31.0)
        assert client.status.state == "ready"
        await opend.go_away()
        began = trio.current_time()
        call = Call(group, client.capital_distribution, "HK.00700")
        assert isinstance(await call.error(), ConnectionLost)
        assert trio.current_time() - began == pytest.approx(60.0, abs=0.1)


async def test_a_short_absence_leaves_no_deadline_behind() -> None:
    """Sixty seconds after a loss that was over, another has just begun."""
    async with lost() as (opend, client), anyio.create_task_group() as group:
        began = trio.current_time()
        await opend.come_back()
        await trio.sleep(31.0)
        assert client.status.state == "ready"
        await trio.sleep_until(began + 55.0)
        await opend.go_away()
        call = Call(group, client.capital_distribution, "HK.00700")
        assert isinstance(await call.error(), ConnectionLost)
        assert trio.current_time() - began == pytest.approx(115.0, abs=0.1)


async def test_a_group_waits_while_one_gateway_is_there() -> None:
    async with Simulator() as one, Simulator() as other:
        connects = [aiocapdist.connect(opend.memory) for opend in (one, other)]
        async with (
            aiocapdist.connect_many(connects) as clients,
            anyio.create_task_group() as group,
        ):
            await trio.sleep(1.0)
            await one.go_away()
            await trio.sleep(100.0)
            assert (await clients.capital_distribution("HK.00700")).code == "HK.00700"
            await other.go_away()
            began = trio.current_time()
            call = Call(group, clients.capital_distribution, "HK.00001")
            assert isinstance(await call.error(), ConnectionLost)
            assert trio.current_time() - began == pytest.approx(60.0, abs=0.1)
            await one.come_back()
            await trio.sleep(31.0)
            assert (await clients.capital_distribution("HK.00001")).code == "HK.00001"


# ---- timeout


async def test_a_timeout_names_the_connection_if_that_is_what_was_waited_for() -> None:
    async with lost() as (_, client):
        began = trio.current_time()
        for call in (
            client.capital_distribution("HK.00700", timeout=3.0),
            client.global_state(timeout=3.0),
        ):
            with pytest.raises(
                RequestTimeout, match="it waited for the connection to OpenD"
            ) as error:
                await call
            assert (error.value.waited_for, error.value.eta) == ("connection", None)
        assert trio.current_time() - began == pytest.approx(6.0)


async def test_a_sweeps_timeout_ends_codes_that_wait_for_the_connection() -> None:
    async with lost() as (_, client):
        began = trio.current_time()
        codes = [f"HK.{n:05d}" for n in range(1, 200)]
        result = await client.capital_distributions(codes, timeout=3.0)
        assert trio.current_time() - began == pytest.approx(3.0)
    assert {getattr(error, "waited_for", None) for error in result.errors.values()} == {
        "connection"
    }
    assert list(result.errors) == codes


async def test_a_sweeps_timeout_ends_codes_that_wait_for_the_quota() -> None:
    """The next token comes long after it, and the sweep no longer waits for that."""
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(1, 30.0)) as client,
    ):
        began = trio.current_time()
        result = await client.capital_distributions(["HK.00001", "HK.00005"], timeout=3.0)
        assert trio.current_time() - began == pytest.approx(3.0)
        assert list(result.values) == ["HK.00001"]
        assert isinstance(result.errors["HK.00005"], RequestTimeout)
        assert client.quota.waiting == 0


async def test_a_timeout_names_the_quota_and_when_it_would_have_allowed_the_call() -> None:
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(1, 30.0)) as client,
    ):
        await client.capital_distribution("HK.00001")
        began = trio.current_time()
        with pytest.raises(RequestTimeout) as error:
            await client.capital_distribution("HK.00700", timeout=10.0)
        assert trio.current_time() - began == pytest.approx(10.0)
        assert error.value.waited_for == "quota"
        assert error.value.eta == pytest.approx(20.05)
        assert str(error.value) == (
            "request 3212 about HK.00700 was not sent within 10 s: it waited for the quota, which "
            "allows it in about 20.1 s"
        )
        assert client.quota.waiting == 0


async def test_a_sweep_whose_last_code_waits_for_the_quota_ends_in_time() -> None:
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(1, 30.0)) as client,
    ):
        await client.capital_distribution("HK.00001")
        began = trio.current_time()
        with anyio.fail_after(10.0):
            result = await client.capital_distributions(["HK.00700"], timeout=3.0)
        assert trio.current_time() - began == pytest.approx(3.0)
        assert isinstance(result.errors["HK.00700"], RequestTimeout)
        assert client.quota.waiting == 0


async def test_a_timeout_names_the_reply() -> None:
    async with Simulator(latency=8.0) as opend, aiocapdist.connect(opend.memory) as client:
        with pytest.raises(
            RequestTimeout, match="no reply to request 3212 about HK.00700 within 2 s"
        ):
            await client.capital_distribution("HK.00700", timeout=2.0)


async def test_a_timeout_leaves_the_callers_that_joined() -> None:
    async with (
        Simulator(latency=8.0) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        patient = Call(group, client.capital_distribution, "HK.00700")
        with pytest.raises(RequestTimeout):
            await client.capital_distribution("HK.00700", timeout=2.0)
        assert (await patient.value()).code == "HK.00700"
        assert [request.proto_id for request in opend.requests].count(3212) == 1


@pytest.mark.parametrize("name", ["timeout", "max_wait", "max_age"])
@pytest.mark.parametrize(
    ("value", "kind"), [("1", TypeError), (True, TypeError), (-1.0, ValueError)]
)
async def test_a_bound_that_is_no_number_of_seconds_is_refused(
    name: str, value: object, kind: type[Exception]
) -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        with pytest.raises(kind, match=name):
            await client.capital_distribution("HK.00700", **{name: value})  # type: ignore[arg-type]
        assert [r for r in opend.requests if r.proto_id == 3212] == []


# ---- the log


async def test_a_loss_that_lasts_is_a_warning_once_for_each_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "aiocapdist")
    async with lost() as (_, client):
        await trio.sleep(3600.0)
        assert client.status.state == "reconnecting"
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 3
    assert texts[0] == "connection to OpenD lost: OpenD closed the connection"
    assert texts[1].startswith("OpenD is away: cannot connect to OpenD at memory")
    assert texts[2].startswith("calls end with ConnectionLost until OpenD is back")
