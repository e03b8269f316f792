"""Checks of one security's figures: whether they come, and how old they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..._client.client import Client
from ...errors import (
    AiocapdistError,
    ConnectionLost,
    QuotaWaitTooLong,
    RequestTimeout,
    UnknownSecurity,
    UnsupportedSecurity,
)
from ...models import CapitalDistribution, GlobalState, Market, MarketState, Security
from . import findings as check
from .findings import Finding
from .opend_state import NO_RIGHTS, is_open, phase

CODES = ("HK.00700", "US.AAPL", "SH.600519", "SZ.000001")
"""Securities that are traded every minute."""
FRESH = 60.0
"""Seconds that figures of such a security may be old while its market is open."""

_SHARE = "another program of this account spends too: let all share one quota"


def choose_code(state: GlobalState, rights: Mapping[str, str]) -> str:
    """Return a code of a market that is open and may be seen, if there is one."""
    seen = [code for code in CODES if rights.get(_market(code).name) != NO_RIGHTS]
    trading = [code for code in seen if is_open(state, _market(code))]
    return [*trading, *seen, *CODES][0]


async def check_figure(
    client: Client, code: str, timeout: float
) -> tuple[Finding, CapitalDistribution | None]:
    """Get the figures of a security. Costs a token. Raises ConnectionLost."""
    rejections = client.quota.rejections
    try:
        # Not a second's wait for the quota: the check of the quota says how it stands.
        figures = await client.capital_distribution(code, timeout=timeout, max_wait=1.0)
    except ConnectionLost:
        raise
    except QuotaWaitTooLong as error:
        text = f"no token is free for {error.eta:.0f} s: other programs have spent the quota"
        return Finding(check.FIGURE, "skipped", text, "run it again then"), None
    except AiocapdistError as error:
        return Finding(check.FIGURE, "failed", str(error), _advice(error)), None
    ratio = "none moved" if figures.main_ratio is None else f"main ratio {figures.main_ratio:+.1%}"
    text = f"{code} has figures: {ratio}"
    if client.quota.rejections > rejections:
        text += "; OpenD refused the call at first, as one too many"
        return Finding(check.FIGURE, "warning", text, _SHARE, {"code": code}), figures
    if figures.net_super is None:
        text += "; super orders are missing"
        advice = "install a newer OpenD: this one does not report super orders"
        return Finding(check.FIGURE, "warning", text, advice, {"code": code}), figures
    return Finding(check.FIGURE, "ok", text, data={"code": code}), figures


def _advice(error: AiocapdistError) -> str:
    if isinstance(error, UnknownSecurity):
        return "give a code that exists, with --code"
    if isinstance(error, UnsupportedSecurity):
        return "give a stock, a fund or a warrant, with --code"
    if isinstance(error, RequestTimeout) and error.waited_for == "quota":
        return _SHARE
    return "ask again later; if it stays, look at OpenD's own log"


def check_freshness(
    figures: CapitalDistribution, state: GlobalState, now: datetime, code: str
) -> Finding:
    """Say how old figures are. ``now`` is the time by the vendor's clock."""
    if figures.updated_at is None:
        text = f"OpenD does not say when the figures of {code} were updated"
        told = f": its text is {figures.update_time}" if figures.update_time else ""
        return Finding(check.FRESHNESS, "warning", text + told, "install a newer OpenD")
    age = (now - figures.updated_at).total_seconds()
    data = {"code": code, "age": round(age, 1)}
    text = f"the figures of {code} are {duration(age)} old"
    current = phase(state, figures.market)
    if isinstance(current, MarketState) and current.is_resting:
        return Finding(check.FRESHNESS, "ok", f"{text}; its market is closed now", data=data)
    if current in (None, MarketState.NONE):
        return Finding(
            check.FRESHNESS, "ok", f"{text}; OpenD does not say whether its market is open"
        )
    if age <= FRESH:
        return Finding(check.FRESHNESS, "ok", f"{text}; its market is open", data=data)
    advice = (
        "check the quote rights, since quotes without them come late; and try a code that is "
        "traded often, with --code"
    )
    return Finding(check.FRESHNESS, "warning", f"{text} although its market is open", advice, data)


def duration(seconds: float) -> str:
    """Return a length of time in words: seconds, minutes, hours or days."""
    size = abs(seconds)
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if size >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _market(code: str) -> Market:
    return Security.parse(code).market
