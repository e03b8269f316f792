"""What every transport does alike: one suite, over each of them, on each loop."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from google.protobuf.message import Message

import aiocapdist
from aiocapdist import ClientClosed, Outcome, Quota, UnknownSecurity, UnsupportedSecurity
from aiocapdist._pb import keep_alive_pb2

from ..support import custom_call
from ..support.internals import tokens
from ..support.transports import (
    NOW,
    SEED,
    TRANSPORTS,
    Transport,
    amounts,
    asked_codes,
    expected_amounts,
    fixed_simulator,
)
from ..support.waiting import Call, until

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("transport", TRANSPORTS, ids=str)]


async def test_one_call_gives_the_figures_of_its_code(transport: Transport) -> None:
    with anyio.fail_after(5):
        async with fixed_simulator(transport) as opend, transport.connect(opend) as client:
            got = await client.capital_distribution("HK.00700")
            assert client.quota.available == 29
    assert got.code == "HK.00700"
    assert amounts(got) == expected_amounts("HK.00700")
    assert [request.proto_id for request in opend.requests] == [transport.handshake_proto_id, 3212]


async def test_calls_at_once_each_get_their_own_figures(transport: Transport) -> None:
    """Replies overtake each other here."""
    codes = [f"HK.{n:05d}" for n in range(1, 61)]
    got = {}
    async with (
        fixed_simulator(transport, quota=None, latency=(0.0, 0.02)) as opend,
        transport.connect(opend, quota=Quota(100, 1.0)) as client,
    ):

        async def ask(code: str) -> None:
            got[code] = amounts(await client.capital_distribution(code))

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for code in codes:
                    group.start_soon(ask, code)
    assert got == {code: expected_amounts(code) for code in codes}
    assert sorted(map(str, asked_codes(opend))) == codes
    assert asked_codes(opend) != codes, "the latency was to shuffle them"


async def test_a_sweep_gives_an_outcome_for_each_code_also_for_bad_ones(
    transport: Transport,
) -> None:
    codes = ["HK.00700", "HK.99999", "hk.00700", "US.AAPL", "US..DJI", "HK.00700", "SH.600519"]
    with anyio.fail_after(5):
        async with fixed_simulator(transport) as opend, transport.connect(opend) as client:
            got = [outcome async for outcome in client.capital_distributions(codes)]
    assert sorted(outcome.code for outcome in got) == sorted(codes)
    assert {outcome.code: kind(outcome) for outcome in got} == {
        "HK.00700": expected_amounts("HK.00700"),
        "HK.99999": UnknownSecurity,
        "hk.00700": aiocapdist.InvalidCode,
        "US.AAPL": expected_amounts("US.AAPL"),
        "US..DJI": UnsupportedSecurity,
        "SH.600519": expected_amounts("SH.600519"),
    }
    assert asked_codes(opend) == ["HK.00700", "HK.99999", "US.AAPL", "US..DJI", "SH.600519"]


def kind(outcome: Outcome) -> object:
    return type(outcome.error) if outcome.value is None else amounts(outcome.value)


async def test_equal_calls_at_once_cost_one_request(transport: Transport) -> None:
    with anyio.fail_after(5):
        async with (
            fixed_simulator(transport, latency=0.01) as opend,
            transport.connect(opend) as client,
            anyio.create_task_group() as group,
        ):
            calls = [Call(group, client.capital_distribution, "HK.00700") for _ in range(20)]
            got = [await call.value() for call in calls]
    assert asked_codes(opend) == ["HK.00700"]
    assert len({id(each) for each in got}) == 1


async def test_the_quota_holds_and_nothing_is_refused(transport: Transport) -> None:
    codes = [f"HK.{n:05d}" for n in range(1, 13)]
    with anyio.fail_after(10):
        async with (
            fixed_simulator(transport, quota=(4, 0.05)) as opend,
            transport.connect(opend, quota=Quota(4, 0.05, margin=0.01)) as client,
        ):
            report = await client.capital_distributions(codes).collect()
            assert opend.largest_window == 4
            assert client.quota.rejections == 0
    assert list(report.values) == codes
    assert not report.errors
    assert [request.outcome for request in opend.requests[1:]] == ["answered"] * 12


async def test_global_state_costs_no_token(transport: Transport) -> None:
    with anyio.fail_after(5):
        async with fixed_simulator(transport) as opend, transport.connect(opend) as client:
            state = await client.global_state()
            assert client.quota.available == 30
            assert state.conn_id == client.status.conn_id
    assert state.server_time.timestamp() == NOW
    assert state.server_version == "10.11"


async def test_status_tells_the_door_and_what_is_known_of_opend(transport: Transport) -> None:
    with anyio.fail_after(5):
        async with fixed_simulator(transport) as opend:
            async with transport.connect(opend) as client:
                status = client.status
                first = await anext(client.events())
            assert client.status.state == "closed"
    assert (status.state, status.transport, status.encrypted) == (
        "ready",
        transport.name,
        transport.encrypted,
    )
    assert (status.conn_id, status.reconnects) == (1, 0)
    # Over WebSocket the handshake tells neither version nor user.
    known = (None, None) if transport.handshake_proto_id == 1 else ("10.11", 10_000_000 + SEED)
    assert (status.server_version, status.login_user_id) == known
    assert isinstance(first, aiocapdist.Connected)
    assert (first.conn_id, first.server_version, first.login_user_id) == (1, *known)


async def test_reads_in_flight_at_a_loss_are_sent_again(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.01)
    codes = [f"HK.{n:05d}" for n in range(1, 6)]
    with anyio.fail_after(10):
        async with (
            fixed_simulator(transport, latency=0.05) as opend,
            transport.connect(opend) as client,
            anyio.create_task_group() as group,
        ):
            calls = [Call(group, client.capital_distribution, code) for code in codes]
            await until(lambda: tokens(client.quota).held == 5)
            opend.disconnect_all()
            assert [amounts(await call.value()) for call in calls] == [
                expected_amounts(c) for c in codes
            ]
            status = client.status
    assert (status.state, status.reconnects, status.conn_id) == ("ready", 1, 2)
    assert sum(request.proto_id == transport.handshake_proto_id for request in opend.requests) == 2


async def test_cancelled_calls_leave_nothing(transport: Transport) -> None:
    """One in flight, whose late reply reaches nobody; two that never left."""
    with anyio.fail_after(5):
        async with (
            fixed_simulator(transport, latency=0.2) as opend,
            transport.connect(opend, quota=Quota(1, 30.0)) as client,
            anyio.create_task_group() as group,
        ):
            flies = Call(group, client.capital_distribution, "HK.00001")
            await until(lambda: tokens(client.quota).held == 1)
            waits = [Call(group, client.capital_distribution, f"HK.0000{n}") for n in (2, 3)]
            await until(lambda: client.quota.waiting == 2)
            await until(lambda: client._single_flight.pending["HK.00001"].flight.written)  # type: ignore[union-attr]
            for call in (flies, *waits):
                call.cancel()
                await call.end()
                assert call.cancelled
            assert client.quota.waiting == 0
            assert client._single_flight.pending == {}
            await until(lambda: client.status.late_replies == 1)
            assert tokens(client.quota) == (0, 0, 1)
            assert (await client.global_state()).conn_id == 1
    assert asked_codes(opend) == ["HK.00001"]


async def test_closing_ends_those_who_wait(transport: Transport) -> None:
    with anyio.fail_after(5):
        async with (
            fixed_simulator(transport, latency=60.0) as opend,
            anyio.create_task_group() as group,
        ):
            async with transport.connect(opend, quota=Quota(1, 30.0)) as client:
                calls = [Call(group, client.capital_distribution, f"HK.0000{n}") for n in (1, 2)]
                await until(lambda: client.quota.waiting == 1)
            for call in calls:
                assert isinstance(await call.error(), ClientClosed)
            with pytest.raises(ClientClosed):
                await client.global_state()
            await until(lambda: opend.connections == 0)


async def test_keep_alives_are_answered(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of an interval of ten seconds: 20 ms. That it is 8 s is shown on virtual time.
    monkeypatch.setattr("aiocapdist._protocol.session.KEEP_ALIVE_AT", 0.002)
    with anyio.fail_after(5):
        async with (
            fixed_simulator(transport) as opend,
            transport.connect(opend, request_timeout=5.0) as client,
        ):

            def kept() -> list[str]:
                return [r.outcome for r in opend.requests if r.proto_id == 1004]

            await client.global_state()
            await until(lambda: len(kept()) >= 3)
            session = client._supervisor.connection._session  # type: ignore[union-attr]
            await until(lambda: not session.in_flight)
            assert set(kept()) == {"answered"}
            assert client.status.reconnects == 0


LONG = "x" * 900_000


def long_answer(body: bytes) -> Message:
    asked_at = keep_alive_pb2.Request.FromString(body).c2s.time
    s2c = keep_alive_pb2.S2C(time=asked_at)
    return keep_alive_pb2.Response(retType=0, retMsg=LONG, errCode=0, s2c=s2c)


async def test_any_other_call_is_answered_however_long_the_answer(transport: Transport) -> None:
    """Far longer than one read of the transport, and one write of the simulator."""
    message = keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=42))
    answers: dict[int, Callable[[bytes], Message]] = {custom_call.PROTO_ID: long_answer}
    with anyio.fail_after(10):
        async with (
            fixed_simulator(transport, answers=answers) as opend,
            transport.connect(opend) as client,
        ):
            got = await client.request(custom_call.PROTO_ID, message, keep_alive_pb2.Response)
            after = await client.capital_distribution("HK.00700")
    assert got.s2c.time == 42
    assert got.retMsg == LONG
    assert amounts(after) == expected_amounts("HK.00700")
