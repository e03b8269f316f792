"""``python -m benchmarks.runs a.json b.json …``: several runs side by side, run by run.

A figure of one run may be luck. Here each has the median of each run, and meets its target
where it does so in all of them, or in how many.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .report import short


def side_by_side(runs: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: one row for each figure, one column for each run."""
    lines = [f"| figure | {' | '.join(runs)} | target | |", f"|---|{'--:|' * len(runs)}---|---|"]
    for rows in zip(*runs.values(), strict=True):
        first = rows[0]
        assert all(row["figure"] == first["figure"] for row in rows)
        values = " | ".join(short(row["value"]) for row in rows)
        lines.append(f"| {first['figure']} | {values} | {first['target']} | {_verdict(rows)} |")
    return "\n".join(lines)


def _verdict(rows: tuple[dict[str, Any], ...]) -> str:
    if rows[0]["met"] is None:
        return ""
    met = sum(row["met"] for row in rows)
    return "met" if met == len(rows) else f"**met in {met} of {len(rows)}**"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runs", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="what --json wrote; the name heads it")
    files = parser.parse_args().runs
    read = {file.stem: json.loads(file.read_text("utf-8")) for file in files}
    print(side_by_side({name: run["rows"] for name, run in read.items()}))
    for name, run in read.items():
        print(f"\n{name}: " + ", ".join(f"{key}: {value}" for key, value in run["machine"].items()))


if __name__ == "__main__":
    main()
