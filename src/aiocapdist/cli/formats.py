"""Names that options can have, apart from the code behind them: ``--help`` needs only these."""

from __future__ import annotations

from typing import Literal

Format = Literal["table", "json", "jsonl", "csv"]
WatchFormat = Literal["table", "jsonl", "csv"]
ExportFormat = Literal["csv", "jsonl", "parquet"]
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
