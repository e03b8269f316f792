"""The names of the output formats, apart from their code: ``--help`` needs only these."""

from __future__ import annotations

from typing import Literal

Format = Literal["table", "json", "jsonl", "csv"]
