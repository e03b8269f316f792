"""The right answer about each code, and checks that a caller got that one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiocapdist import Client, InvalidCode, UnknownSecurity

from ..support.transports import amounts, expected_amounts

UNKNOWN, INVALID = "HK.99999", "hk.00001"
GOOD = [f"{market}.{n:05d}" for market in ("HK", "SH") for n in range(1, 7)]


def is_own(code: str) -> Any:
    """Return a check that a result is the answer about this code."""

    def check(got: Any) -> bool:
        if isinstance(got, UnknownSecurity):
            return code == UNKNOWN and code in str(got)
        return bool(got.code == code and amounts(got) == expected_amounts(code))

    return check


def all_own(codes: list[str]) -> Any:
    def check(outcomes: Any) -> bool:
        for outcome in outcomes:
            if outcome.value is not None:
                assert is_own(outcome.code)(outcome.value)
            elif outcome.code == INVALID:
                assert isinstance(outcome.error, InvalidCode)
        return not Counter(outcome.code for outcome in outcomes) - Counter(codes)

    return check


async def swept(client: Client, codes: list[str], enough: int, max_age: float) -> list[Any]:
    """Return the first outcomes of a sweep, and leave it; all outcomes if it ends before."""
    outcomes = []
    async for outcome in client.capital_distributions(codes, max_age=max_age):
        outcomes.append(outcome)
        if len(outcomes) >= enough:
            break
    else:
        assert len(outcomes) == len(codes)
    return outcomes
