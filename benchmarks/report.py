"""From rounds of figures to the table of targets: ratios within a round, then their median."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure: a ratio or an amount, how far it spread, and the target it is held to."""

    figure: str
    value: float
    low: float
    high: float
    target: str
    met: bool | None
    """None where there is no target."""


def ratio(
    figure: str,
    rounds: Sequence[Any],
    over: Callable[[Any], float],
    under: Callable[[Any], float],
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """The median of ``over / under``, each ratio within one round.

    Both are amounts of whole processes or calls, not differences: these may be nothing, and a
    ratio over nothing says nothing.
    """
    assert all(under(row) > 0 for row in rounds), figure
    ratios = sorted(over(row) / under(row) for row in rounds)
    return amount(figure, ratios, at_most=at_most, at_least=at_least)


def amount(
    figure: str,
    values: Sequence[float],
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """The median of some values."""
    middle = median(values)
    if at_most is not None:
        target, met = f"at most {at_most:g}", middle <= at_most
    elif at_least is not None:
        target, met = f"at least {at_least:g}", middle >= at_least
    else:
        target, met = "", None
    return Row(figure, middle, min(values), max(values), target, met)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load of the last 15 minutes": f"{os.getloadavg()[2]:.1f}",
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            names = [line.partition(":")[2].strip() for line in info if "model name" in line]
        return names[0]
    except (OSError, IndexError):
        return platform.machine()


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| figure | measured | spread | target | |", "|---|--:|---|---|---|"]
    for row in rows:
        met = {True: "met", False: "**missed**", None: ""}[row.met]
        lines.append(
            f"| {row.figure} | {short(row.value)} | {short(row.low)} to {short(row.high)} "
            f"| {row.target} | {met} |"
        )
    return "\n".join(lines)


def short(value: float) -> str:
    """As tables show it: three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def as_json(rows: Sequence[Row], raw: dict[str, Any]) -> str:
    """Everything, for other programs."""
    whole = {"machine": machine(), "rows": [asdict(row) for row in rows], "raw": raw}
    return json.dumps(whole, indent=2)
