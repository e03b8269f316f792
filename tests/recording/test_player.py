"""What a player says was known at a moment of the recorded time."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from aiocapdist import Period, RecordingError
from aiocapdist.recording import Recording, player
from aiocapdist.recording._timeline import Timeline
from aiocapdist.recording.player import Player

from ..support.virtual_asyncio import BACKENDS, run_virtually
from .making import START, Change, Hand, at, figures, flow, point, record

pytestmark = pytest.mark.anyio
EPOCH = START.timestamp()
HOUR = 3600


@pytest.fixture
def hand() -> Hand:
    return Hand()


async def test_at_each_moment_it_has_the_last_figures_before(
    where: str, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "_AHEAD", 3)
    given = [figures(second=second) for second in range(0, 60, 3)]
    await record(where, *given, figures("US.AAPL", 30))
    async with Player(where, now=hand) as playing:
        # Forwards, backwards, over large steps: whatever has been read ahead.
        for second in [*range(-2, 70), *range(70, -3, -7), 59, 0, 31, 30, 29.999999]:
            hand.second = second
            expected = [value for n, value in enumerate(given) if 3 * n <= second]
            assert playing.distribution("HK.00700") == (expected[-1] if expected else None)
            aapl = figures("US.AAPL", 30) if second >= 30 else None
            assert playing.distribution("US.AAPL") == aapl
            assert playing.distribution("HK.00005") is None


async def test_figures_without_a_time_are_there_from_when_they_were_seen(
    where: str, hand: Hand
) -> None:
    seen = [figures("US.AAPL", None, capital_in_big=float(n)) for n in (10, 20)]
    await record(where, *(Change("", v, seen_at=at(v.capital_in_big)) for v in seen))
    async with Player(where, now=hand) as playing:
        for second, expected in ((9, None), (10, seen[0]), (19.9, seen[0]), (20, seen[1])):
            hand.second = second
            assert playing.distribution("US.AAPL") == expected


async def test_the_clock_begins_at_the_first_row_and_with_the_first_question(
    tmp_path: Path,
) -> None:
    await record(str(tmp_path / "a"), figures(second=5), figures(second=500))
    async with Player(tmp_path / "a", speed=1000.0) as playing:
        await anyio.sleep(0.05)
        assert playing.now() == EPOCH + 5
        value = playing.distribution("HK.00700")
        assert value == figures(second=5) or playing.now() >= EPOCH + 500
        with anyio.fail_after(20):
            while playing.distribution("HK.00700") != figures(second=500):  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert playing.now() >= EPOCH + 500
        before = playing.now()
        await anyio.sleep(0.01)
        assert playing.now() > before, "the clock goes on when the rows have ended"
        assert playing.distribution("HK.00700") == figures(second=500)


@pytest.mark.parametrize("backend", BACKENDS)
def test_speed_is_that_of_the_loops_clock(backend: Any, tmp_path: Path) -> None:
    path = tmp_path / "a"
    anyio.run(record, str(path), *(figures(second=second) for second in range(0, 3000, 7)))

    async def main() -> None:
        async with Player(path, speed=60.0, start=at(60)) as playing:
            for seconds in range(40):
                assert playing.now() == pytest.approx(EPOCH + 60 + 60 * seconds, abs=0.001)
                value = playing.distribution("HK.00700")
                assert value == figures(second=(60 + 60 * seconds) // 7 * 7)
                await anyio.sleep(1)

    run_virtually(main, on=backend)


async def test_a_start_before_after_and_between_the_rows(where: str) -> None:
    await record(where, figures(second=10), figures(second=20))
    for second, expected in ((0, None), (15, 10), (99, 20)):
        async with Player(where, start=at(second), speed=1e-9) as playing:
            assert playing.now() == EPOCH + second
            value = playing.distribution("HK.00700")
            assert value == (None if expected is None else figures(second=expected))


# ---- nights


def microseconds(hours: float) -> int:
    return round(hours * HOUR * 1_000_000)


def test_nights_are_cut_to_their_first_and_last_five_minutes() -> None:
    night = (microseconds(6), microseconds(24))
    line = Timeline(0, [night])
    edge = 1 / 12
    for played, recorded in (
        (0, 0),
        (6, 6),
        (6 + edge, 6 + edge),
        (6 + edge + 0.01, 24 - edge + 0.01),
        (6 + 2 * edge, 24),
        (30, 48 - 2 * edge),
    ):
        assert line.at(microseconds(played)) == pytest.approx(microseconds(recorded), abs=2)


def test_a_start_in_the_night_is_near_its_end_at_once() -> None:
    line = Timeline(microseconds(12), [(microseconds(6), microseconds(24))])
    assert line.at(0) == microseconds(12)
    assert line.at(1) == microseconds(24 - 1 / 12) + 1
    # Within its last minutes nothing is left to cut.
    late = Timeline(microseconds(23.99), [(microseconds(6), microseconds(24))])
    assert late.at(microseconds(1)) == microseconds(24.99)


@pytest.mark.parametrize(("nights", "expected"), [(False, 3), (True, 0)])
def test_the_nights_of_a_recording_are_found(tmp_path: Path, nights: bool, expected: int) -> None:
    """Three of them, and a lunch break that is none."""

    path = tmp_path / "a"
    days = [day * 24 * HOUR for day in (0, 1, 4, 5)]
    hours = [h for h in range(0, 6 * HOUR + 1, 300) if not 2.5 * HOUR < h < 3.9 * HOUR]
    given = [figures(second=day + second) for day in days for second in hours]
    anyio.run(record, str(path), *given)

    async def main() -> None:
        async with Player(path, speed=3600.0, nights=nights) as playing:
            seen = []
            playing.now()
            for _ in range(6 * 24 * 12):
                seen.append(playing.now())
                await anyio.sleep(1 / 12)  # five minutes
        jumps = [(before, after) for before, after in pairwise(seen) if after - before > 301]
        assert len(jumps) == expected
        for before, after in jumps:
            # From five minutes after a last row to five before the next first one.
            assert (before - EPOCH) % (24 * HOUR) == pytest.approx(6 * HOUR, abs=601)
            assert (after - EPOCH + 301) % (24 * HOUR) < 602

    run_virtually(main)


# ---- flows


async def test_a_flow_has_the_points_that_were_known_by_then(where: str, hand: Hand) -> None:
    minutes = [point(at(60 * n), n) for n in range(10)]
    after = Change("", flow(*minutes), seen_at=at(600))
    await record(where, figures(second=0), after)
    async with Player(where, now=hand) as playing:
        for second, count in ((0, 0), (59, 0), (60, 1), (119, 1), (120, 2), (9999, 10)):
            hand.second = second
            got = playing.flow("HK.00700", Period.INTRADAY)
            assert (got.points if got else ()) == tuple(minutes[:count])
        assert playing.flow("HK.00700", Period.DAY) is None
        assert playing.flow("HK.00005", Period.INTRADAY) is None


async def test_a_point_that_had_been_seen_is_known(where: str, hand: Hand) -> None:
    seen = Change("", flow(point(at(0), 1), point(at(60), 2)), seen_at=at(61))
    await record(where, figures(second=0), seen)
    async with Player(where, now=hand) as playing:
        hand.second = 61
        got = playing.flow("HK.00700", Period.INTRADAY)
        assert got is not None
        assert len(got.points) == 2


async def test_intraday_is_the_latest_day_and_days_are_all(where: str, hand: Hand) -> None:
    day = 86400.0
    points = [point(at(day * n + 60 * m), n) for n in range(3) for m in range(4)]
    midnight = [point(at(day * n - 9.5 * HOUR), n) for n in range(3)]
    history = flow(*midnight, period=Period.DAY)
    seen_at = at(9 * day)
    await record(
        where,
        figures(second=0),
        Change("", flow(*points), seen_at=seen_at),
        Change("", history, seen_at=seen_at),
    )
    async with Player(where, now=hand) as playing:
        hand.second = day + 125
        got = playing.flow("HK.00700", Period.INTRADAY)
        assert got is not None
        assert [value.at for value in got.points] == [at(day), at(day + 60)]
        daily = playing.flow("HK.00700", Period.DAY)
        assert daily is not None
        assert [value.in_flow for value in daily.points] == [0.0], "today's is not known yet"


# ---- what cannot be played


async def test_nothing_to_play_is_said(where: str) -> None:
    with pytest.raises(RecordingError, match="there is no recording yet"):
        async with Player(where):
            pass
    async with Recording(where):
        pass
    with pytest.raises(RecordingError, match="it holds no figures; record some first"):
        async with Player(where):
            pass


async def test_an_invalid_row_is_an_error(tmp_path: Path, hand: Hand) -> None:
    path = tmp_path / "a"
    await record(str(path), figures())
    connection = sqlite3.connect(path)
    connection.execute("UPDATE capital_distribution SET market = 'MARS'")
    connection.commit()
    connection.close()
    async with Player(path, now=hand) as playing:
        with pytest.raises(RecordingError, match="holds no valid figures"):
            playing.distribution("HK.00700")
    with pytest.raises(RecordingError, match="it is not open"):
        playing.distribution("HK.00700")


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_is_none_is_a_value_error(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be a positive number"):
        Player("a", speed=speed)


def test_a_start_without_a_zone_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="needs its zone"):
        Player("a", start=datetime(2026, 1, 1))  # noqa: DTZ001


async def test_a_recording_that_is_being_written_can_be_played(tmp_path: Path, hand: Hand) -> None:
    async with Recording(tmp_path / "a") as recording:
        await recording.add(figures())
        async with Player(recording, now=hand) as playing:
            assert playing.distribution("HK.00700") == figures()
            await recording.add(figures("HK.00005"))
            assert playing.distribution("HK.00005") == figures("HK.00005")
