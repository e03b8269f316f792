"""Net amounts over time, from a recording or a capital flow: what a figure is drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..models import CapitalDistribution, CapitalFlow, Market

GAP = timedelta(hours=2)
"""Time without figures from which a line is interrupted. Lunch breaks are shorter."""
NAMES = ("net", "super", "big", "mid", "small")
ABSENT = float("nan")


@dataclass
class Series:
    """Net amounts of one security, all and by size of order; what is absent is NaN."""

    code: str
    market: Market
    times: list[datetime] = field(default_factory=list)
    amounts: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in NAMES})

    def add(self, at: datetime, values: Iterable[float | None]) -> None:
        """Append amounts in the order of NAMES, after an interruption if much time has passed."""
        if self.times and at - self.times[-1] >= GAP:
            self._append(self.times[-1], [None] * len(NAMES))
        self._append(at, values)

    def _append(self, at: datetime, values: Iterable[float | None]) -> None:
        self.times.append(at)
        for name, value in zip(NAMES, values, strict=True):
            self.amounts[name].append(ABSENT if value is None else value)


def add_figures(series: dict[str, Series], figures: CapitalDistribution) -> None:
    """Append figures to the series of their code; those without a time are left out."""
    f = figures
    if f.updated_at is not None:
        one = series.setdefault(f.code, Series(f.code, f.market))
        one.add(f.updated_at, (f.net, f.net_super, f.net_big, f.net_mid, f.net_small))


def series_of_flow(flow: CapitalFlow) -> Series:
    """Return the series of an intraday flow, whose rows are cumulative as figures are."""
    series = Series(flow.code, flow.market)
    for p in flow.points:
        if p.at is not None:
            amounts = (p.in_flow, p.super_in_flow, p.big_in_flow, p.mid_in_flow, p.sml_in_flow)
            series.add(p.at, amounts)
    return series
