"""The simulator's figures: made up, but plausible."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist import MarketState
from aiocapdist.simulator._market_data import STEP, Figures, figures, market_state

CODES = st.sampled_from(["HK.00700", "US.AAPL", "SH.600519", "SZ.000001", "US.BRK.B"])
TIMES = st.floats(0, 4e9)


def at(text: str) -> float:
    """Return the Unix time of an ISO 8601 time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


# 2023-11-15 was a Wednesday. Hong Kong trades from 01:30 to 08:00 UTC here.
WEDNESDAY = at("2023-11-15 06:00:00")


def amounts(made: Figures) -> tuple[float, ...]:
    return made[:8]


@given(CODES, st.integers(0, 5), TIMES)
def test_figures_depend_on_code_seed_and_time_alone(code: str, seed: int, now: float) -> None:
    assert figures(code, seed, now) == figures(code, seed, now)


def test_another_code_or_seed_gives_other_figures() -> None:
    seen = {
        amounts(figures(code, seed, WEDNESDAY))
        for code in ("HK.00700", "HK.00701", "US.AAPL")
        for seed in range(5)
    }
    assert len(seen) == 15


@given(CODES, st.integers(0, 1000), TIMES)
def test_figures_are_plausible(code: str, seed: int, now: float) -> None:
    made = figures(code, seed, now)
    for amount in amounts(made):
        assert math.isfinite(amount)
        assert amount >= 0
        assert amount == round(amount)
    inflow, outflow = sum(made[:4]), sum(made[4:8])
    assert inflow > 0
    assert outflow > 0
    assert 0.3 < inflow / (inflow + outflow) < 0.7
    assert inflow + outflow <= 3.1e9, "more than a day's turnover"
    assert made.timestamp <= now or now < 4 * 86400, "figures from the future"


def test_within_a_session_amounts_grow_at_every_step() -> None:
    steps = [figures("HK.00700", 1, WEDNESDAY + n * STEP) for n in range(400)]
    totals = [sum(amounts(made)) for made in steps]
    assert all(earlier < later for earlier, later in pairwise(totals))
    assert [made.timestamp for made in steps] == [
        int(WEDNESDAY) // STEP * STEP + n * STEP for n in range(400)
    ]
    nets = {sum(made[:4]) - sum(made[4:8]) for made in steps}
    assert len(nets) > 300, "only the turnover changes, not the net"
    for n in range(STEP):
        assert figures("HK.00700", 1, WEDNESDAY + n) == steps[0]
    assert figures("HK.00700", 1, WEDNESDAY + STEP) != steps[0]


@pytest.mark.parametrize(
    ("code", "now", "last"),
    [
        ("HK.00700", "2023-11-15 01:30:00", "2023-11-14 16:00:00"),  # not yet open
        ("HK.00700", "2023-11-15 01:30:03", "2023-11-15 09:30:03"),
        ("HK.00700", "2023-11-15 06:00:01", "2023-11-15 14:00:00"),
        ("HK.00700", "2023-11-15 08:00:00", "2023-11-15 16:00:00"),
        ("HK.00700", "2023-11-15 15:59:59", "2023-11-15 16:00:00"),  # closed
        ("HK.00700", "2023-11-15 16:00:00", "2023-11-15 16:00:00"),  # a new day there
        ("HK.00700", "2023-11-18 04:00:00", "2023-11-17 16:00:00"),  # Saturday
        ("HK.00700", "2023-11-19 04:00:00", "2023-11-17 16:00:00"),  # Sunday
        ("HK.00700", "2023-11-20 01:00:00", "2023-11-17 16:00:00"),  # Monday, early
        ("HK.00700", "2023-11-20 04:00:00", "2023-11-20 12:00:00"),
        ("SH.600519", "2023-11-18 04:00:00", "2023-11-17 16:00:00"),
        ("US.AAPL", "2023-11-15 15:00:00", "2023-11-15 10:00:00"),
        ("US.AAPL", "2023-11-15 22:00:00", "2023-11-15 16:00:00"),
        ("US.AAPL", "2023-11-17 23:00:00", "2023-11-17 16:00:00"),
        ("US.AAPL", "2023-11-19 12:00:00", "2023-11-17 16:00:00"),
        ("US.AAPL", "2023-11-20 14:00:00", "2023-11-17 16:00:00"),
    ],
)
def test_outside_trading_hours_the_last_session_is_shown(code: str, now: str, last: str) -> None:
    made = figures(code, 0, at(now))
    assert made.text == last
    zone = "-05:00" if code.startswith("US.") else "+08:00"
    assert datetime.fromisoformat(last + zone).timestamp() == made.timestamp


def test_figures_do_not_change_over_a_weekend() -> None:
    friday = figures("HK.00700", 3, at("2023-11-17 12:00:00"))
    for hours in range(1, 61):
        assert figures("HK.00700", 3, at("2023-11-17 12:00:00") + hours * 3600) == friday


@pytest.mark.parametrize(
    ("market", "now", "state"),
    [
        ("HK", "2023-11-15 01:29:00", MarketState.CLOSED),
        ("HK", "2023-11-15 01:30:00", MarketState.MORNING),
        ("HK", "2023-11-15 04:30:00", MarketState.REST),
        ("HK", "2023-11-15 05:00:00", MarketState.AFTERNOON),
        ("HK", "2023-11-15 08:00:00", MarketState.CLOSED),
        ("HK", "2023-11-18 02:00:00", MarketState.CLOSED),
        ("US", "2023-11-15 15:00:00", MarketState.MORNING),
        ("US", "2023-11-15 17:30:00", MarketState.AFTERNOON),
        ("US", "2023-11-15 21:00:00", MarketState.CLOSED),
        ("US", "2023-11-19 17:30:00", MarketState.CLOSED),
        # Summer time: an hour earlier, and from the very Monday on which it has begun.
        ("US", "2024-03-08 13:30:00", MarketState.CLOSED),
        ("US", "2024-03-11 13:29:00", MarketState.CLOSED),
        ("US", "2024-03-11 13:30:00", MarketState.MORNING),
        ("US", "2024-07-15 19:59:00", MarketState.AFTERNOON),
        ("US", "2024-07-15 20:00:00", MarketState.CLOSED),
    ],
)
def test_market_state_follows_the_markets_own_time(
    market: str, now: str, state: MarketState
) -> None:
    assert market_state(market, at(now)) == state


@pytest.mark.parametrize(
    ("now", "text", "made"),
    [
        ("2024-07-15 14:00:00", "2024-07-15 10:00:00", "2024-07-15 14:00:00"),
        ("2024-07-15 23:00:00", "2024-07-15 16:00:00", "2024-07-15 20:00:00"),
        # The Sunday on which summer time begins, and the Friday before it.
        ("2024-03-10 20:00:00", "2024-03-08 16:00:00", "2024-03-08 21:00:00"),
        ("2024-11-03 20:00:00", "2024-11-01 16:00:00", "2024-11-01 20:00:00"),
    ],
)
def test_new_york_has_summer_time(now: str, text: str, made: str) -> None:
    got = figures("US.AAPL", 3, at(now))
    assert (got.text, got.timestamp) == (text, at(made))
