"""The right answer about each code, and checks that a caller got that one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from aiocapdist import (
    AiocapdistError,
    Change,
    Client,
    InvalidCode,
    Period,
    UnknownSecurity,
    Watch,
)

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


def is_own_flow(code: str, period: Period, trouble: Callable[[], bool]) -> Any:
    """Return a check that a result is the flow of this code."""

    def check(got: Any) -> bool:
        if isinstance(got, UnknownSecurity):
            return code == UNKNOWN and code in str(got)
        assert (got.code, got.period) == (code, period)
        if not got.points:
            return trouble()  # a reply that lacks its fields is that of an empty flow
        _, big, mid, small, _, out_big, out_mid, out_small = expected_amounts(code)
        last = got.points[-1]
        latest = (last.big_in_flow, last.mid_in_flow, last.sml_in_flow)
        if period in (Period.INTRADAY, Period.DAY):
            assert latest == (big - out_big, mid - out_mid, small - out_small)
        return True

    return check


async def watched(watch: Watch, codes: list[str], enough: int) -> list[Change]:
    """Return the first changes of a watch to which the other codes are added, and leave it."""
    changes: list[Change] = []
    async for change in watch:
        changes.append(change)
        if len(changes) == 1:
            watch.add(codes)
            watch.discard([*watch.codes[8:], INVALID])
        if len(changes) >= min(enough, len(codes)):
            break
    return changes


def all_changes_own(trouble: Callable[[], bool]) -> Any:
    """Return a check that each change is the answer about its code, or says what failed."""

    def check(changes: list[Change]) -> bool:
        for change in changes:
            if change.value is not None:
                assert is_own(change.code)(change.value)
                assert change.previous is None or is_own(change.code)(change.previous)
            elif change.code == UNKNOWN and not trouble():
                assert isinstance(change.error, UnknownSecurity)
            else:
                assert trouble()
                assert isinstance(change.error, AiocapdistError)
        return True

    return check
