"""Times and dates as options give them."""

from __future__ import annotations

from datetime import UTC, datetime

from .language import tr


def parse_time(option: str, text: str | None) -> datetime | None:
    """Read an ISO 8601 date or time, in UTC unless it has a zone. ValueError names the option."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            tr(
                "{option} is a time such as 2026-11-27T09:30+08:00, or a date, not {text!r}",
                option=option,
                text=text,
            )
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
