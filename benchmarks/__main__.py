"""``python -m benchmarks``: measures everything in one run and prints the table."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import file_tokens, makespan, pages, sharing, speed, starting, transports
from .report import as_json, machine, table
from .rows import memory_rows, speed_rows, start_rows, token_rows, transport_rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--targets",
        action="store_true",
        help="leave out what has been settled: sharing, waiting",
    )
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results.json"))
    parser.add_argument("--plots", type=Path, help="folder to draw the documentation's plots in")
    parser.add_argument("--docs", action="store_true", help="write tables into the pages")
    options = parser.parse_args()

    raw: dict[str, Any] = {"speed": speed.measure(options.rounds)}
    raw["transports"] = transports.measure(options.rounds)
    starts = starting.measure(options.rounds)
    raw["starts"] = [{name: asdict(start) for name, start in row.items()} for row in starts]
    raw["file tokens"] = file_tokens.measure(options.rounds)
    rows = [
        *speed_rows(raw["speed"]),
        *start_rows(starts),
        *token_rows(raw["file tokens"]),
        *transport_rows(raw["transports"]),
    ]
    if not options.targets:
        kept, raw["million codes"] = memory_rows()
        rows += kept

    raw["makespan"] = makespan.measure()
    print(table(rows))
    if not options.targets:
        shared = sharing.measure()
        raw["sharing"] = [asdict(row) for row in shared]
        print("\n" + sharing.table(shared))
    print("\n" + ", ".join(f"{name}: {value}" for name, value in machine().items()))
    options.json.write_text(as_json(rows, raw), "utf-8")
    if options.docs:
        pages.write(rows, options.rounds)
    if options.plots is not None:
        from . import plots

        plots.draw(raw, options.plots)


if __name__ == "__main__":
    main()
