"""Names that options can have, apart from the code behind them: ``--help`` needs only these."""

from __future__ import annotations

from typing import Literal

from .language import tr

Format = Literal["table", "json", "jsonl", "csv"]
WatchFormat = Literal["table", "jsonl", "csv"]
ExportFormat = Literal["csv", "jsonl", "parquet"]
FigureFormat = Literal["png", "svg"]
PeriodName = Literal["intraday", "day", "week", "month"]
Colors = Literal["us", "cn", "none"]
SortField = Literal[
    "main_ratio",
    "main_net",
    "net",
    "net_super",
    "net_big",
    "net_mid",
    "net_small",
    "capital_in",
    "capital_out",
    "code",
]


def chosen_format(format: Format | None, json: bool) -> Format:
    """Return the format that the options mean. Raises ValueError if they exclude each other."""
    if json and format not in (None, "json"):
        raise ValueError(tr("--json and --format {format}: leave out one", format=format))
    return "json" if json else format or "table"
