"""A fault of this library itself: told as one error, and nobody is left waiting."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import anyio
import pytest

import aiocapdist
from aiocapdist import AiocapdistError, Client, Quota
from aiocapdist._protocol.backoff import Backoff
from aiocapdist._protocol.session import Session
from aiocapdist._transports.memory import MemoryListener
from aiocapdist.simulator import Simulator

from ..support.internals import tokens
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio
TOLD = "internal error, please report it: ZeroDivisionError('planted')"


def planted(*args: Any, **options: Any) -> NoReturn:
    raise ZeroDivisionError("planted")


async def sweep(client: Client) -> list[aiocapdist.Outcome]:
    return [o async for o in client.capital_distributions(["US.AAPL", "US.MSFT", "x"])]


def check_told_once(caplog: pytest.LogCaptureFixture) -> None:
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.name == "aiocapdist"
    assert record.getMessage() == "an error of this library itself ended the client"
    assert record.exc_info is not None


async def test_a_fault_in_reading_ends_every_waiting_call_with_the_same_one_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two calls in flight, two in line, one that costs no token, and a sweep."""
    with anyio.fail_after(5):
        async with (
            Simulator(latency=0.05) as opend,
            aiocapdist.connect(opend.memory, quota=Quota(2, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            monkeypatch.setattr(Session, "receive_data", planted)
            calls = [
                Call(group, client.capital_distribution, code)
                for code in ("HK.00001", "HK.00002", "HK.00003", "HK.00004")
            ]
            calls.append(Call(group, client.global_state))
            swept = Call(group, sweep, client)
            for call in calls:
                error = await call.error()
                assert type(error) is AiocapdistError
                assert str(error) == TOLD
                assert isinstance(error.__cause__, ZeroDivisionError)
            told = {o.code: str(o.error) for o in await swept.value()}
            assert told.pop("x").startswith("invalid code 'x'")
            assert told == {"US.AAPL": TOLD, "US.MSFT": TOLD}
            # Whoever comes after is told the same, at once.
            with pytest.raises(AiocapdistError, match="planted"):
                await client.capital_distribution("HK.00700")
            assert client.status.state == "closed"
            assert client.quota.waiting == 0
            assert tokens(client.quota).held == 0
    check_told_once(caplog)


async def test_a_fault_while_reconnecting_ends_every_waiting_call(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(latency=60.0) as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(1, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            monkeypatch.setattr(Backoff, "next", planted)
            calls = [Call(group, client.capital_distribution, f"HK.0000{n}") for n in range(3)]
            await until(lambda: client.quota.waiting == 2)
            opend.disconnect_all()
            for call in calls:
                assert str(await call.error()) == TOLD
    check_told_once(caplog)


async def test_a_fault_while_connecting_is_what_connect_raises(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Session, "get_timer", planted)
    with anyio.fail_after(5):
        async with Simulator() as opend:
            with pytest.raises(AiocapdistError) as error:
                async with aiocapdist.connect(port=opend.port):
                    raise AssertionError("it cannot have connected")
            assert type(error.value) is AiocapdistError
            assert str(error.value) == TOLD
            await until(lambda: opend.connections == 0)
    check_told_once(caplog)


async def test_a_door_that_breaks_in_a_new_way_is_one_error_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(self: MemoryListener) -> NoReturn:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(MemoryListener, "open", broken)
    with anyio.fail_after(5):
        async with Simulator() as opend:
            with pytest.raises(AiocapdistError) as error:
                async with aiocapdist.connect(opend.memory):
                    raise AssertionError("it cannot have connected")
            assert str(error.value) == TOLD
    check_told_once(caplog)
