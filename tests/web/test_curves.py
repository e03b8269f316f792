"""The main force's net over the day: bounded, a day at a time, with its beginning filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aiocapdist import CapitalDistribution, CapitalFlow, FlowPoint, Market, Period
from aiocapdist.web._curves import MAX_POINTS, Curve, Curves

OPENING = datetime(2023, 11, 15, 1, 30, tzinfo=UTC)
"""Half past nine in Hong Kong."""


def at(minutes: float) -> datetime:
    return OPENING + timedelta(minutes=minutes)


def figures(main_net: float, when: datetime | None, code: str = "HK.00700") -> CapitalDistribution:
    amounts: dict[str, Any] = {
        f"capital_{side}_{size}": 1000.0
        for side in ("in", "out")
        for size in ("super", "big", "mid", "small")
    }
    amounts["capital_in_big"] += main_net
    return CapitalDistribution(code=code, market=Market.HK, **amounts, updated_at=when)


def flow(*points: tuple[datetime, float]) -> CapitalFlow:
    rows = tuple(
        FlowPoint(at=when, day=when.date(), in_flow=0.0, super_in_flow=net, big_in_flow=1.0)
        for when, net in points
    )
    return CapitalFlow(code="HK.00700", market=Market.HK, period=Period.INTRADAY, points=rows)


def seconds(minutes: float) -> int:
    return int(at(minutes).timestamp())


def test_points_are_in_order_of_time_and_the_newest_of_a_time_wins() -> None:
    curve = Curve()
    for minute, net in ((1, 1.0), (3, 3.0), (2, 2.0), (3, 4.0)):
        curve.add(figures(net, at(minute)), at(minute))
    assert curve.points == [(seconds(1), 1.0), (seconds(3), 4.0)]


def test_figures_without_a_time_are_of_when_they_were_seen() -> None:
    curve = Curve()
    curve.add(figures(1.0, None), at(5))
    assert curve.points == [(seconds(5), 1.0)]


def test_a_new_day_begins_a_new_curve_that_is_whole() -> None:
    curve = Curve()
    curve.add(figures(1.0, at(300)), at(300))
    assert not curve.is_whole
    curve.add(figures(2.0, at(24 * 60)), at(24 * 60))
    assert curve.points == [(seconds(24 * 60), 2.0)]
    assert curve.is_whole


def test_a_flow_fills_in_the_beginning_of_the_day_and_nothing_else() -> None:
    curves = Curves(["HK.00700", "HK.00005"])
    curves.add(figures(50.0, at(60)), at(60))
    assert curves.partial() == ["HK.00700"]
    curves.fill(flow((at(-600), 9.0), (at(0), 1.0), (at(30), 2.0), (at(60), 3.0), (at(90), 4.0)))
    assert curves.points()["HK.00700"] == [
        (seconds(0), 2.0),
        (seconds(30), 3.0),
        (seconds(60), 50.0),
    ]
    assert curves.partial() == []


def test_what_was_recorded_goes_before_what_was_seen() -> None:
    codes = ["HK.00700", "HK.00005", "HK.00001"]
    live, recorded = Curves(codes), Curves(codes)
    live.add(figures(3.0, at(60)), at(60))
    live.add(figures(3.0, at(24 * 60), "HK.00005"), at(24 * 60))
    for code in codes:
        for minute in (10, 20):
            recorded.add(figures(float(minute), at(minute), code), at(minute))
    live.restore(recorded)
    found = live.points()
    assert found["HK.00700"] == [(seconds(10), 10.0), (seconds(20), 20.0), (seconds(60), 3.0)]
    assert found["HK.00005"] == [(seconds(24 * 60), 3.0)]  # those were of another day
    assert found["HK.00001"] == [(seconds(10), 10.0), (seconds(20), 20.0)]


@given(st.lists(st.tuples(st.integers(0, 380 * 60), st.floats(-1e9, 1e9)), max_size=1200))
def test_any_number_of_points_takes_bounded_memory_and_keeps_the_ends(
    added: list[tuple[int, float]],
) -> None:
    curve = Curve()
    for second, net in added:
        when = OPENING + timedelta(seconds=second)
        curve.add(figures(net, when), when)
    assert len(curve.points) <= MAX_POINTS
    times = [time for time, _ in curve.points]
    assert times == sorted(set(times))
    if added:
        assert times[0] == int(OPENING.timestamp()) + added[0][0]
        assert times[-1] == int(OPENING.timestamp()) + max(second for second, _ in added)


def test_a_day_that_changes_each_second_keeps_its_first_and_last_point() -> None:
    curve = Curve()
    for second in range(20_000):
        when = OPENING + timedelta(seconds=second)
        curve.add(figures(float(second), when), when)
    assert len(curve.points) <= MAX_POINTS
    assert (curve.points[0][1], curve.points[-1][1]) == (0.0, 19_999.0)
