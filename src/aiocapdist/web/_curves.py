"""The main force's net over the day, for each code. No I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from ..models import CapitalDistribution, CapitalFlow
from ..models._times import market_day

MAX_POINTS = 400
"""A session has 330 to 390 minutes. A curve that gets longer loses every second point."""

Point = tuple[int, float]
"""Unix time in seconds, and the main force's net in currency units of the market."""


class Curve:
    """Points of one security in one day of its market, in order of time."""

    def __init__(self) -> None:
        self.day: date | None = None
        self.is_whole: bool = False
        """True if the points reach back to the opening, as far as is known."""
        self.points: list[Point] = []

    def add(self, figures: CapitalDistribution, seen_at: datetime) -> None:
        """Add the latest figures. A new day begins a new curve."""
        at = figures.updated_at or seen_at
        point = int(at.timestamp()), figures.main_net
        if self.points and point[0] <= self.points[-1][0]:
            if point[0] == self.points[-1][0]:
                self.points[-1] = point
            return
        day = market_day(figures.market, at, None) or at.date()
        if day != self.day:
            # What has been watched since yesterday is seen from the opening on.
            self.is_whole = self.day is not None
            self.day = day
            self.points.clear()
        self.points.append(point)
        self._thin()

    def _thin(self) -> None:
        while len(self.points) > MAX_POINTS:
            del self.points[1:-1:2]

    def fill(self, earlier: Iterable[Point]) -> None:
        """Put earlier points of the same day before those that are there."""
        began = self.points[0][0] if self.points else math.inf
        self.points[:0] = [point for point in earlier if point[0] < began]
        self._thin()


class Curves:
    """The curves of all codes of a watch."""

    def __init__(self, codes: Sequence[str]) -> None:
        self._curves = {code: Curve() for code in codes}

    def __getitem__(self, code: str) -> Curve:
        return self._curves[code]

    def add(self, figures: CapitalDistribution, seen_at: datetime) -> None:
        """Add the latest figures of one code."""
        self._curves[figures.code].add(figures, seen_at)

    def restore(self, recorded: Curves) -> None:
        """Put what was recorded on the same day before what was seen."""
        for code, curve in self._curves.items():
            earlier = recorded[code]
            if not curve.points:
                self._curves[code] = earlier
            elif earlier.day == curve.day:
                curve.fill(earlier.points)
                curve.is_whole |= earlier.is_whole

    def partial(self) -> list[str]:
        """Return the codes whose curves have points but do not reach back to the opening."""
        return [code for code, one in self._curves.items() if one.points and not one.is_whole]

    def fill(self, flow: CapitalFlow) -> None:
        """Put the minutes of an intraday flow before what was seen."""
        curve = self._curves[flow.code]
        today = [point for point in flow.points if point.at and point.day == curve.day]
        curve.fill(
            (int(point.at.timestamp()), (point.super_in_flow or 0.0) + point.big_in_flow)
            for point in today
            if point.at is not None and point.big_in_flow is not None
        )
        curve.is_whole = True

    def points(self) -> dict[str, list[Point]]:
        """Return the points of each code."""
        return {code: list(curve.points) for code, curve in self._curves.items()}
