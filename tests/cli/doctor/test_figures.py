"""Checks of one security's figures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aiocapdist import CapitalDistribution, GlobalState, Market, MarketState
from aiocapdist.cli.doctor.figures import choose_code, duration
from aiocapdist.cli.doctor.findings import Finding
from aiocapdist.simulator import Fault, Faults, Simulator

from .checkups import MORNING, check, global_state

pytestmark = pytest.mark.anyio
OPEN = {"marketHK": 3}


def figures(code: str, updated: float | None) -> CapitalDistribution:
    return CapitalDistribution(
        code=code,
        market=Market.HK,
        capital_in_big=2.0,
        capital_in_mid=1.0,
        capital_in_small=1.0,
        capital_out_big=1.0,
        capital_out_mid=1.0,
        capital_out_small=1.0,
        updated_at=None if updated is None else datetime.fromtimestamp(updated, UTC),
    )


async def found_with(
    state: Any = None,
    *,
    age: float | None = 3.0,
    code: str | None = None,
    timeout: float = 10.0,
    **simulator: Any,
) -> dict[str, Finding]:
    updated = None if age is None else MORNING - age
    given: dict[str, Any] = {
        "figures": {"HK.00700": figures("HK.00700", updated)},
        "answers": {1002: lambda body: state or global_state(**OPEN)},
        **simulator,
    }
    async with Simulator(**given) as opend:
        now = datetime.fromtimestamp(MORNING, UTC)
        return await check(opend.port, utc_now=lambda: now, code=code, timeout=timeout)


async def test_fresh_figures() -> None:
    found = await found_with()
    assert found["freshness"].state == "ok"
    assert found["freshness"].text == "the figures of HK.00700 are 3 s old; its market is open"
    assert found["freshness"].data == {"code": "HK.00700", "age": 3.0}


async def test_figures_without_super_orders() -> None:
    found = await found_with()
    assert found["figure"].state == "warning"
    assert "super orders are missing" in found["figure"].text
    assert "newer OpenD" in (found["figure"].advice or "")


async def test_late_figures_while_the_market_is_open() -> None:
    found = await found_with(age=900.0)
    assert found["freshness"].state == "warning"
    assert found["freshness"].text == (
        "the figures of HK.00700 are 15 min old although its market is open"
    )
    assert "quote rights" in (found["freshness"].advice or "")


async def test_old_figures_while_the_market_is_closed() -> None:
    found = await found_with(global_state(), age=50_000.0)
    assert found["freshness"].state == "ok"
    assert found["freshness"].text.endswith("are 14 h old; its market is closed now")


async def test_a_market_without_a_state() -> None:
    found = await found_with(global_state(marketHK=0), age=50_000.0)
    assert found["freshness"].state == "ok"
    assert found["freshness"].text.endswith("OpenD does not say whether its market is open")


async def test_figures_without_a_time() -> None:
    found = await found_with(age=None)
    assert found["freshness"].state == "warning"
    assert "does not say when" in found["freshness"].text


@pytest.mark.parametrize(
    ("code", "text", "advice"),
    [
        ("HK.99999", "未知股票 HK.99999", "give a code that exists"),
        ("HK.800000", "暂不支持", "give a stock, a fund or a warrant"),
    ],
)
async def test_codes_without_figures(code: str, text: str, advice: str) -> None:
    found = await found_with(code=code, figures=None)
    assert found["figure"].state == "failed"
    assert text in found["figure"].text
    assert advice in (found["figure"].advice or "")
    assert found["freshness"].state == "skipped"


async def test_servers_that_fail() -> None:
    faults = Faults(script=[None, None, Fault.GATEWAY_ERROR])
    found = await found_with(figures=None, faults=faults)
    assert found["figure"].state == "failed"
    assert "NN_ProtoRet_TimeOut" in found["figure"].text
    assert "try again later" in (found["figure"].advice or "")


@pytest.mark.parametrize(
    ("refusals", "timeout", "state"), [(1, 20.0, "warning"), (1000, 3.0, "failed")]
)
async def test_a_quota_that_other_programs_spend(refusals: int, timeout: float, state: str) -> None:
    faults = Faults(script=[None, None, *[Fault.REFUSE] * refusals])
    found = await found_with(figures=None, faults=faults, timeout=timeout)
    assert found["figure"].state == state
    assert "let all share one quota" in (found["figure"].advice or "")


async def test_a_connection_lost_on_the_way() -> None:
    # The replies to 1002 and 1005 come; that to 3212 does not.
    faults = Faults(script=[None, None, Fault.CLOSE])
    found = await found_with(figures=None, faults=faults)
    assert found["figure"].state == "failed"
    assert "connection to OpenD lost" in found["figure"].text
    assert found["quota"].state == "skipped"


async def test_a_connection_lost_before() -> None:
    faults = Faults(script=[None, Fault.CLOSE])
    found = await found_with(figures=None, faults=faults)
    assert found["version"].state == "failed"
    assert "connection to OpenD lost" in found["version"].text
    assert found["figure"].state == "skipped"


def state(hk: int, us: int, sh: int) -> GlobalState:
    return GlobalState(
        market_hk=MarketState(hk),
        market_us=MarketState(us),
        market_sh=MarketState(sh),
        market_sz=MarketState(sh),
        market_hk_future=0,
        quote_logged_in=True,
        trade_logged_in=True,
        server_version="10.11",
        server_build=1,
        server_time=datetime.fromtimestamp(MORNING, UTC),
    )


@pytest.mark.parametrize(
    ("opened", "rights", "code"),
    [
        (state(3, 6, 3), {}, "HK.00700"),
        (state(3, 6, 3), {"HK": "none"}, "SH.600519"),
        (state(6, 5, 6), {"HK": "Level 2"}, "US.AAPL"),
        (state(6, 6, 6), {"HK": "none", "US": "none"}, "SH.600519"),
        (state(0, 0, 0), {}, "HK.00700"),
        (state(3, 3, 3), dict.fromkeys(("HK", "US", "SH", "SZ"), "none"), "HK.00700"),
    ],
)
def test_the_code_asked_for(opened: GlobalState, rights: dict[str, str], code: str) -> None:
    assert choose_code(opened, rights) == code


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (-300.0, "-5 min"), (2e5, "2 days")],
)
def test_lengths_of_time_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text
