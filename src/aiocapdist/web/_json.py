"""JSON as it is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from ..models._records import time_text


def encode(data: object) -> str:
    """Return JSON in printable ASCII, on one line: nothing in it acts on a terminal or a page."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("\x7f", "\\u007f")


def now_text() -> str:
    """Return the time by this machine's clock, in UTC: what the age of figures is counted from."""
    return time_text(datetime.now(UTC))
