"""``python -m benchmarks``: measures everything in one run and prints the table."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import doors, imports, makespan, sharing, speed, stages
from .report import as_json, machine, table
from .rows import door_rows, import_rows, memory_rows, speed_rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results.json"))
    parser.add_argument("--plots", type=Path, help="folder to draw the documentation's plots in")
    options = parser.parse_args()

    raw: dict[str, Any] = {"speed": speed.measure(options.rounds)}
    raw["doors"] = doors.measure(options.rounds)
    raw["imports"] = imports.measure(options.rounds)
    kept, raw["million codes"] = memory_rows()
    raw["stages"] = stages.stages()
    raw["makespan"] = makespan.measure()
    shared = sharing.measure()
    raw["sharing"] = [asdict(row) for row in shared]
    measured = [*speed_rows(raw["speed"]), *import_rows(raw["imports"])]
    rows = [*measured, *kept, *door_rows(raw["doors"])]

    print(table(rows))
    print("\n| stage | µs |\n|---|--:|")
    print("\n".join(f"| {name} | {cost:.2f} |" for name, cost in raw["stages"].items()))
    print("\n" + sharing.table(shared))
    print("\n" + ", ".join(f"{name}: {value}" for name, value in machine().items()))
    options.json.write_text(as_json(rows, raw), "utf-8")
    if options.plots is not None:
        from . import plots

        plots.draw(raw, options.plots)


if __name__ == "__main__":
    main()
