"""Times and dates of figures, as OpenD sends them."""

from datetime import UTC, date, datetime, timedelta, timezone

from .securities import Market

_BEIJING = timezone(timedelta(hours=8))
_BEIJING_MARKETS = frozenset({Market.HK, Market.SH, Market.SZ})
_ZONES = {
    Market.HK: "Asia/Hong_Kong",
    Market.US: "America/New_York",
    Market.SH: "Asia/Shanghai",
    Market.SZ: "Asia/Shanghai",
    Market.SG: "Asia/Singapore",
    Market.JP: "Asia/Tokyo",
    Market.AU: "Australia/Sydney",
    Market.MY: "Asia/Kuala_Lumpur",
    Market.CA: "America/Toronto",
}


def moment(market: Market, timestamp: float | None, text: str | None) -> datetime | None:
    """Return the time of figures in UTC: from the timestamp, else from the text.

    The text is used for HK, SH and SZ only, where it is UTC+8. None if there is neither, or
    if it is not a time.
    """
    if timestamp:
        try:
            return datetime.fromtimestamp(timestamp, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    if text and market in _BEIJING_MARKETS:
        try:
            naive = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
            return naive.replace(tzinfo=_BEIJING).astimezone(UTC)
        except (OverflowError, ValueError):
            return None  # such as "0001-01-01 00:00:00", which is before year 1 in UTC
    return None


def market_day(market: Market, at: datetime | None, text: str | None) -> date | None:
    """Return the date in the market's own time zone: from the text, else from the time.

    None if neither says it.
    """
    if text:
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            pass  # such as "09:31"
    if at is None or market not in _ZONES:
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # rarely needed, and slow to import

    try:
        return at.astimezone(ZoneInfo(_ZONES[market])).date()
    except (OverflowError, ZoneInfoNotFoundError):
        return None  # a system without time zones needs the package tzdata
