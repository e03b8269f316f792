"""The client against the simulator, over real sockets."""

from __future__ import annotations

import anyio
import pytest

import aiocapdist
from aiocapdist import (
    ClientClosed,
    ConnectError,
    InvalidCode,
    Quota,
    QuotaWaitTooLong,
    Status,
    UnknownSecurity,
    UnsupportedSecurity,
)
from aiocapdist.simulator import Simulator
from aiocapdist.simulator._market_data import figures

from ..support.internals import tokens

pytestmark = pytest.mark.anyio
NOW = 1_700_000_000.0


def frozen() -> float:
    return NOW


async def test_one_call_gives_the_figures_of_its_code() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(now=frozen, seed=3) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            got = await client.capital_distribution("HK.00700")
    made = figures("HK.00700", 3, NOW)
    assert got.code == "HK.00700"
    assert got.market is aiocapdist.Market.HK
    assert (got.capital_in_super, got.capital_out_super) == (made.in_super, made.out_super)
    assert (got.capital_in_big, got.capital_out_big) == (made.in_big, made.out_big)
    assert (got.capital_in_mid, got.capital_out_mid) == (made.in_mid, made.out_mid)
    assert (got.capital_in_small, got.capital_out_small) == (made.in_small, made.out_small)
    assert got.update_time == made.text
    assert got.updated_at is not None
    assert got.updated_at.timestamp() == made.timestamp


async def test_an_old_opend_tells_no_super_orders() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(super_fields=False) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            got = await client.capital_distribution("HK.00700")
    assert got.capital_in_super is None
    assert got.net_super is None
    assert got.main_net == got.net_big


async def test_global_state_costs_no_token() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(now=frozen) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            state = await client.global_state()
            assert client.quota.available == 30
    assert state.server_time.timestamp() == NOW
    assert state.server_version == "10.11"
    assert state.quote_logged_in
    assert state.program_status == 10


async def test_status_tells_where_the_connection_stands() -> None:
    with anyio.fail_after(5):
        async with Simulator(seed=5) as opend:
            async with aiocapdist.connect(port=opend.port) as client:
                status = client.status
                assert status.state == "ready"
                assert status.transport == "tcp"
                assert not status.encrypted
                assert status.server_version == "10.11"
                assert status.login_user_id == 10_000_005
                assert status.conn_id == 1
                assert status.reconnects == 0
                assert status.round_trip is None
                await client.capital_distribution("HK.00700")
                status = client.status
                assert status.round_trip is not None
                assert Status.model_validate(status.model_dump()) == status
            assert client.status.state == "closed"


async def test_what_opend_refuses_is_told_by_type() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            with pytest.raises(UnknownSecurity) as unknown:
                await client.capital_distribution("HK.99999")
            with pytest.raises(UnsupportedSecurity):
                await client.capital_distribution("US..DJI")
    assert unknown.value.code == "HK.99999"
    assert unknown.value.ret_type == -1
    assert unknown.value.ret_msg == "未知股票 HK.99999"


async def test_a_bad_code_sends_nothing() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            with pytest.raises(InvalidCode, match="try 'HK.00700'"):
                await client.capital_distribution("hk.00700")
            with pytest.raises(InvalidCode):
                await client.capital_distribution(None)  # type: ignore[arg-type]
            assert [r.proto_id for r in opend.requests] == [1001]


async def test_300_codes_at_once_each_get_their_own_figures() -> None:
    codes = [f"HK.{n:05d}" for n in range(1, 301)]
    got: dict[str, aiocapdist.CapitalDistribution] = {}

    async with (
        Simulator(quota=None, latency=(0.0, 0.05), now=frozen, seed=11) as opend,
        aiocapdist.connect(port=opend.port, quota=Quota(1000, 1.0)) as client,
    ):

        async def ask(code: str) -> None:
            got[code] = await client.capital_distribution(code)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for code in codes:
                    group.start_soon(ask, code)
        asked = [r.code for r in opend.requests if r.code]
    assert sorted(asked) == codes
    assert asked != codes, "the latency was to shuffle them"
    for code in codes:
        assert got[code].code == code
        assert got[code].capital_in_big == figures(code, 11, NOW).in_big


async def test_50_callers_of_one_code_cost_one_request() -> None:
    got = []
    async with (
        Simulator(latency=0.01) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):

        async def ask() -> None:
            got.append(await client.capital_distribution("HK.00700"))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(ask)
        assert sum(r.proto_id == 3212 for r in opend.requests) == 1
    assert len(got) == 50
    assert len({id(each) for each in got}) == 1


async def test_joined_callers_each_get_an_error_of_their_own() -> None:
    errors: list[UnknownSecurity] = []
    async with (
        Simulator(latency=0.01) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):

        async def ask() -> None:
            try:
                await client.capital_distribution("HK.99999")
            except UnknownSecurity as error:
                errors.append(error)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(ask)
    assert len({id(error) for error in errors}) == 5
    assert {str(error) for error in errors} == {str(errors[0])}


async def test_max_age_answers_from_the_last_reply() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            first = await client.capital_distribution("HK.00700")
            again = await client.capital_distribution("HK.00700", max_age=60.0)
            assert again is first
            anew = await client.capital_distribution("HK.00700")
            assert anew is not first
            assert sum(r.proto_id == 3212 for r in opend.requests) == 2


async def test_cancelled_waiters_cost_nothing() -> None:
    with anyio.fail_after(10):
        async with (
            Simulator(quota=(2, 30.0)) as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(2, 30.0)) as client,
        ):
            await client.capital_distribution("HK.00001")
            await client.capital_distribution("HK.00002")
            async with anyio.create_task_group() as group:
                for n in range(80):
                    group.start_soon(client.capital_distribution, f"HK.{n + 10:05d}")
                while client.quota.waiting < 80:
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
            assert client.quota.waiting == 0
            assert tokens(client.quota) == (0, 0, 2)
            assert client._single_flight.pending == {}
            assert sum(r.proto_id == 3212 for r in opend.requests) == 2


async def test_max_wait_is_told_at_once() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(1, 600.0)) as client,
        ):
            await client.capital_distribution("HK.00001")
            with pytest.raises(QuotaWaitTooLong) as error:
                await client.capital_distribution("HK.00002", max_wait=5.0)
            assert 590.0 < error.value.eta < 600.1
            assert error.value.max_wait == 5.0
            assert client.quota.waiting == 0
            assert client._single_flight.pending == {}


async def test_closing_ends_those_who_wait() -> None:
    ended = []
    with anyio.fail_after(5):
        async with Simulator(latency=60.0) as opend, anyio.create_task_group() as group:
            async with aiocapdist.connect(port=opend.port, quota=Quota(1, 30.0)) as client:

                async def ask(code: str) -> None:
                    with pytest.raises(ClientClosed):
                        await client.capital_distribution(code)
                    ended.append(code)

                group.start_soon(ask, "HK.00001")
                group.start_soon(ask, "HK.00002")
                while client.quota.waiting < 1:
                    await anyio.lowlevel.checkpoint()
            with pytest.raises(ClientClosed):
                await client.capital_distribution("HK.00003")
            with pytest.raises(ClientClosed):
                await client.global_state()
            await client.aclose()
    assert sorted(ended) == ["HK.00001", "HK.00002"]


async def test_opend_not_there_is_told_with_where_and_what_to_try(closed_port: int) -> None:
    with anyio.fail_after(5), pytest.raises(ConnectError) as error:
        async with aiocapdist.connect("127.0.0.1", closed_port):
            raise AssertionError("there is nobody to connect to")
    assert (error.value.host, error.value.port) == ("127.0.0.1", closed_port)
    assert error.value.reason == "the connection was refused"
    assert "start OpenD" in error.value.hint
    assert isinstance(error.value.__cause__, ConnectionRefusedError)


async def test_a_users_exception_leaves_bare() -> None:
    async with Simulator() as opend:
        with anyio.fail_after(5), pytest.raises(ZeroDivisionError):
            async with aiocapdist.connect(port=opend.port):
                _ = 1 / 0
