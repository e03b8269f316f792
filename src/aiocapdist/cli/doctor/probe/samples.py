"""Samples of each kind of security and each market: what they get, and what it looks like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import anyio

from ...._client.client import Client
from ....models import Market, Security
from .exchange import Exchange, exchange

STOCKS = (
    "HK.00700",
    "US.AAPL",
    "SH.600519",
    "SZ.000001",
    "SG.D05",
    "JP.7203",
    "MY.1155",
)
"""One security of each market, traded every minute."""
CRYPTO = "CC.BTC"
FIRMS = (None, 1, 2, 3)
"""Brokers of which crypto codes are said to need one: tried until one gives figures."""
FRIDAY = 4


def sample_codes(today: date) -> dict[str, tuple[str, ...]]:
    """Return codes by kind, of contracts that are traded on this day; crypto codes apart."""
    next_month = (today.replace(day=1) + timedelta(days=40)).replace(day=1)
    expiry = _third_friday(next_month)
    return {
        "stock": STOCKS,
        "index": ("HK.800000", "US..SPX", "SH.000001"),
        "future": (f"HK.HSI{next_month:%y%m}",),
        "option": (f"US.AAPL{expiry:%y%m%d}C200000",),
        "etf": ("HK.02800", "US.SPY", "SH.510300"),
    }


def _third_friday(month: date) -> date:
    first = month.replace(day=1)
    return first + timedelta(days=(FRIDAY - first.weekday()) % 7 + 14)


class Samples:
    """Asks for one security after the other, within the quota, and keeps the replies."""

    def __init__(self, client: Client, today: date, timeout: float) -> None:
        self._client = client
        self._codes = sample_codes(today)
        self._timeout = timeout + 2 * client.quota.period  # it may wait for the quota
        self.by_kind: dict[str, list[Exchange]] = {}
        self.firm: int | None = None
        """The broker with which a crypto code had figures; None for none."""

    async def take(self) -> None:
        """Take the samples. Raises what asking raises."""
        for kind, codes in self._codes.items():
            for code in codes:
                self._keep(kind, await self._ask(code))
        for firm in FIRMS:
            answer = await self._ask(CRYPTO, firm)
            if answer.answer in ("figures", "zeros") or firm == FIRMS[-1]:
                self._keep("crypto", answer)
                self.firm = firm if answer.figures is not None else None
                return

    def __iter__(self) -> Iterator[Exchange]:
        return (each for taken in self.by_kind.values() for each in taken)

    @property
    def answered(self) -> list[str]:
        """Codes of stocks that had figures: what else is asked for is one of them."""
        return [each.code for each in self.by_kind.get("stock", ()) if each.figures is not None]

    def _keep(self, kind: str, answer: Exchange) -> None:
        self.by_kind.setdefault(kind, []).append(answer)

    async def _ask(self, code: str, firm: int | None = None) -> Exchange:
        """Ask once; once more, a period later, if another program has spent the quota."""
        answer = await self._ask_once(code, firm)
        if answer.refused:
            await anyio.sleep(self._client.quota.period)
            answer = await self._ask_once(code, firm)
        return answer

    async def _ask_once(self, code: str, firm: int | None) -> Exchange:
        return await exchange(self._client, code, counted=True, timeout=self._timeout, firm=firm)


def offset_of(answer: Exchange) -> timedelta | None:
    """Return the offset from UTC of ``update_time``, to a quarter of an hour; None if not told."""
    if answer.figures is None or not answer.figures.updateTimestamp:
        return None
    try:
        text = datetime.fromisoformat(str(answer.figures.updateTime))
    except ValueError:
        return None
    seconds = text.replace(tzinfo=None) - datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
    difference = seconds.total_seconds() - answer.figures.updateTimestamp
    return timedelta(minutes=15 * round(difference / 900))


def market_of(answer: Exchange) -> Market:
    """Return the market of the security that was asked for."""
    return Security.parse(answer.code).market


def lengths(answers: Sequence[Exchange]) -> list[int]:
    """Return the lengths of replies with figures, the shortest first."""
    return sorted(each.length for each in answers if each.figures is not None)
