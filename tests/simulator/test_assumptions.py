"""What is not known of OpenD can be set, and each setting changes what clients see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import aiocapdist
from aiocapdist import Quota, Security
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist.simulator import Assumptions, Simulator
from aiocapdist.simulator._kinds import kind_of

from .raw import RawClient, distribution_request, raw_client

pytestmark = pytest.mark.anyio
LIMIT = (2, 30.0)
BEIJING = timezone(timedelta(hours=8))


async def answered(client: RawClient, count: int) -> list[bool]:
    """Return for each of so many requests whether it was within the limit."""
    replies = [await client.ask(3212, n, distribution_request(1, "00700")) for n in range(count)]
    return [reply.refusal == (0, "") for reply in replies]


async def figures(opend: Simulator, market: int, code: str) -> capital_distribution_pb2.S2C:
    async with raw_client(opend) as client:
        reply = await client.ask(3212, 2, distribution_request(market, code))
    return capital_distribution_pb2.Response.FromString(reply.body).s2c


async def test_the_quota_of_a_connection() -> None:
    async with Simulator(quota=LIMIT, assumptions=Assumptions(quota_of="connection")) as opend:
        async with raw_client(opend) as one, raw_client(opend) as other:
            assert await answered(one, 3) == [True, True, False]
            assert await answered(other, 3) == [True, True, False]
        assert opend.largest_window == 2


@pytest.mark.parametrize(
    ("quota_of", "beside"), [("opend", [True, True]), ("account", [False] * 2)]
)
async def test_the_quota_of_an_opend_or_an_account(quota_of: Any, beside: list[bool]) -> None:
    assumed = Assumptions(quota_of=quota_of)
    async with Simulator(quota=LIMIT, assumptions=assumed, seed=7) as opend:
        async with Simulator(quota=LIMIT, assumptions=assumed, account=opend) as second:
            async with raw_client(opend) as one, raw_client(opend) as other:
                assert await answered(one, 2) == [True, True]
                assert await answered(other, 1) == [False]
            async with raw_client(second) as client:
                assert await answered(client, 2) == beside


async def test_simulators_of_one_account_have_its_user() -> None:
    async with Simulator(seed=7) as opend, Simulator(seed=8, account=opend) as second:
        async with aiocapdist.connect(second.memory) as client:
            assert client.status.login_user_id == 10_000_007


async def test_the_refusals_text_and_code() -> None:
    assumed = Assumptions(refusal_text="too frequent, wait", refusal_code=429)
    async with (
        Simulator(quota=(1, 30.0), assumptions=assumed) as opend,
        raw_client(opend) as client,
    ):
        await client.ask(3212, 2, distribution_request(1, "00700"))
        reply = await client.ask(3212, 3, distribution_request(1, "00700"))
    response = capital_distribution_pb2.Response()
    response.MergeFromString(reply.body)
    assert (response.retType, response.retMsg, response.errCode) == (-1, "too frequent, wait", 429)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("HK.00700", "stock"),
        ("HK.80011", "stock"),
        ("HK.800000", "index"),
        ("US..DJI", "index"),
        ("SH.000001", "index"),
        ("SZ.000001", "stock"),
        ("SZ.399001", "index"),
        ("HK.HSI2512", "future"),
        ("HK_FUTURE.999010", "future"),
        ("US.AAPL251219C200000", "option"),
        ("HK.TCH251230P600000", "option"),
        ("US.AAPL", "stock"),
        ("HK.02800", "etf"),
        ("US.SPY", "etf"),
        ("SH.510300", "etf"),
        ("SZ.159919", "etf"),
        ("CC.BTC", "crypto"),
        ("FX.USDCNH", "currency"),
        ("EC.RAIN", "event"),
    ],
)
def test_kinds_of_securities(code: str, kind: str) -> None:
    assert kind_of(Security.parse(code)) == kind


@pytest.mark.parametrize(
    ("answer", "error"),
    [("unsupported", "UnsupportedSecurity"), ("unknown", "UnknownSecurity"), ("figures", None)],
)
async def test_what_a_kind_gets(answer: Any, error: str | None) -> None:
    assumed = Assumptions(kinds={"etf": answer, "future": answer})
    async with Simulator(assumptions=assumed) as opend:
        async with aiocapdist.connect(opend.memory, quota=Quota(100)) as client:
            async for outcome in client.capital_distributions(["HK.02800", "US.SPY", "HK.HSI2512"]):
                failed = None if outcome.error is None else type(outcome.error).__name__
                assert failed == error
            assert (await client.capital_distribution("HK.00700")).capital_in > 0


async def test_figures_that_are_all_zero() -> None:
    async with Simulator(assumptions=Assumptions(kinds={"index": "zeros"})) as opend:
        async with aiocapdist.connect(opend.memory) as client:
            value = await client.capital_distribution("US..DJI")
    assert value.capital_in == value.capital_out == 0
    assert value.updated_at is not None


async def test_the_zone_of_the_update_time() -> None:
    assumed = Assumptions(update_zones={"US": BEIJING, "SG": UTC})
    async with Simulator(assumptions=assumed) as opend:
        for market, code, zone in ((11, "AAPL", BEIJING), (31, "D05", UTC), (1, "00700", BEIJING)):
            s2c = await figures(opend, market, code)
            told = datetime.fromisoformat(s2c.updateTime).replace(tzinfo=zone)
            assert told.timestamp() == s2c.updateTimestamp


async def test_figures_without_a_timestamp() -> None:
    async with Simulator(assumptions=Assumptions(update_timestamp=False)) as opend:
        s2c = await figures(opend, 1, "00700")
    assert s2c.updateTime
    assert not s2c.HasField("updateTimestamp")


@pytest.mark.parametrize("padding", [7, 8, 134, 20_000])
async def test_longer_replies(padding: int) -> None:
    async def length(assumed: Assumptions) -> int:
        async with Simulator(assumptions=assumed, now=lambda: 1.8e9) as opend:
            async with raw_client(opend) as client:
                reply = await client.ask(3212, 2, distribution_request(1, "00700"))
        response = capital_distribution_pb2.Response.FromString(reply.body)
        assert response.s2c.capitalInBig > 0
        return len(reply.body)

    assert await length(Assumptions(padding=padding)) == await length(Assumptions()) + padding


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"quota_of": "program"}, "quota_of is one of connection, opend, account, not 'program'"),
        ({"counted": "never"}, "counted is one of"),
        ({"kinds": {"bond": "figures"}}, "a kind of security is one of stock, index"),
        ({"kinds": {"etf": "nothing"}}, "is one of figures, zeros, unsupported, unknown"),
        ({"padding": 3}, "padding is 0 or at least 7 bytes, not 3"),
    ],
)
def test_wrong_values_are_rejected(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Assumptions(**values)
