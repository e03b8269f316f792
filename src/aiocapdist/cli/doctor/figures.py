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
from ..language import mark, tr
from . import findings as check
from .findings import Finding
from .opend_state import NO_RIGHTS, is_open

CODES = ("HK.00700", "US.AAPL", "SH.600519", "SZ.000001")
"""Securities that are traded every minute."""
FRESH = 60.0
"""Seconds that figures of such a security may be old while its market is open."""

_LENGTHS = (
    (mark("{count:.0f} days"), 86400),
    (mark("{count:.0f} h"), 3600),
    (mark("{count:.0f} min"), 60),
)
_SHARE = mark("another program of this account spends too: let all share one quota")


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
        text = tr(
            "no token is free for {seconds:.0f} s: other programs have spent the quota",
            seconds=error.eta,
        )
        return Finding(check.FIGURE, "skipped", text, tr("run it again after that")), None
    except AiocapdistError as error:
        return Finding(check.FIGURE, "failed", str(error), _advice(error)), None
    if figures.main_ratio is None:
        text = tr("{code} has figures: no money moved", code=code)
    else:
        text = tr(
            "{code} has figures: main ratio {ratio:+.1%}", code=code, ratio=figures.main_ratio
        )
    if client.quota.rejections > rejections:
        text += tr("; OpenD rejected the call at first, as over the quota")
        return Finding(check.FIGURE, "warning", text, tr(_SHARE), {"code": code}), figures
    if figures.net_super is None:
        text += tr("; super orders are missing")
        advice = tr("install a newer OpenD: this one does not report super orders")
        return Finding(check.FIGURE, "warning", text, advice, {"code": code}), figures
    return Finding(check.FIGURE, "ok", text, data={"code": code}), figures


def _advice(error: AiocapdistError) -> str:
    if isinstance(error, UnknownSecurity):
        return tr("give a code that exists, with --code")
    if isinstance(error, UnsupportedSecurity):
        return tr("give a stock, a fund or a warrant, with --code")
    if isinstance(error, RequestTimeout) and error.waited_for == "quota":
        return tr(_SHARE)
    return tr("try again later; if that does not help, look at OpenD's own log")


def check_freshness(
    figures: CapitalDistribution, state: GlobalState, now: datetime, code: str
) -> Finding:
    """Say how old figures are. ``now`` is the time by the vendor's clock."""
    if figures.updated_at is None:
        text = tr("OpenD does not say when the figures of {code} were updated", code=code)
        if figures.update_time:
            text += tr(": its text is {time}", time=figures.update_time)
        return Finding(check.FRESHNESS, "warning", text, tr("install a newer OpenD"))
    age = (now - figures.updated_at).total_seconds()
    data = {"code": code, "age": round(age, 1)}
    text = tr("the figures of {code} are {age} old", code=code, age=duration(age))
    current = state.phase_of(figures.market)
    if isinstance(current, MarketState) and current.is_resting:
        return Finding(check.FRESHNESS, "ok", text + tr("; its market is closed now"), data=data)
    if current in (None, MarketState.NONE):
        return Finding(
            check.FRESHNESS, "ok", text + tr("; OpenD does not say whether its market is open")
        )
    if age <= FRESH:
        return Finding(check.FRESHNESS, "ok", text + tr("; its market is open"), data=data)
    advice = tr(
        "check the quote rights, since quotes without them come late; and try a code that is "
        "traded often, with --code"
    )
    text += tr(" although its market is open")
    return Finding(check.FRESHNESS, "warning", text, advice, data)


def duration(seconds: float) -> str:
    """Return a length of time in words: seconds, minutes, hours or days."""
    size = abs(seconds)
    for text, length in _LENGTHS:
        if size >= 2 * length:
            return tr(text, count=seconds / length)
    return tr("{count:.0f} s", count=seconds)


def _market(code: str) -> Market:
    return Security.parse(code).market
