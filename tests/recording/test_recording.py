"""Writing figures down and reading them back, in SQLite and in PostgreSQL."""

from __future__ import annotations

import os
import tracemalloc
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

import aiocapdist
from aiocapdist import InvalidCode, Outcome, RecordingError, Security, UnknownSecurity
from aiocapdist.recording import Recording, _store
from aiocapdist.simulator import Simulator

from ..support.scripts import run
from .making import START, Change, FakeWatch, at, everything, figures

pytestmark = pytest.mark.anyio
TINY, HUGE, TENTH = 5e-324, 1e300, 0.1 + 0.2


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_store, "PAGE", 5)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"capital_in_super": None, "capital_out_super": None},
        {"capital_in_super": None, "capital_out_super": 0.0},
        {"update_time": None, "updated_at": None},
        {"update_time": "", "updated_at": at(0.000001)},
        {"update_time": "02/03 …资金 '; DROP TABLE x --\n\t\\"},
        {"updated_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"updated_at": datetime.max.replace(tzinfo=UTC)},
        {"updated_at": datetime(2026, 3, 2, 9, 30, 0, 123457, timezone(timedelta(hours=8)))},
        {"capital_in_big": TINY, "capital_in_mid": -HUGE, "capital_out_small": TENTH},
        {
            "capital_in_big": 2.0**53 + 2,
            "capital_in_mid": 123456789012.345,
            "capital_in_small": 0.0,
        },
    ],
)
async def test_figures_come_back_exactly(where: str, changed: dict[str, Any]) -> None:
    given = figures(**changed)
    async with Recording(where) as recording:
        await recording.add(given)
        assert await everything(recording) == [given]
    async with Recording(where) as recording:
        assert await everything(recording) == [given]
        assert await recording.latest() == {given.code: given}


async def test_a_nul_in_a_text_does_not_lose_the_figures(where: str) -> None:
    async with Recording(where) as recording:
        await recording.add(figures(update_time="a\0b"))
        assert [value.update_time for value in await everything(recording)] == ["a\ufffdb"]


async def test_all_codes_are_read_in_order_of_time_then_code(where: str, small_pages: None) -> None:
    given = [figures(f"HK.{n:05d}", (7 * n) % 10) for n in range(40)]
    async with Recording(where) as recording:
        await recording.add(*given)
        got = await everything(recording)
    assert got == sorted(given, key=lambda value: (value.updated_at, value.code))


@pytest.mark.parametrize("few", [0, 64], ids=["picked out of all", "code by code"])
async def test_since_is_included_and_until_is_not(
    where: str, few: int, small_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_store, "_FEW_CODES", few)
    codes = ["HK.00700", "SH.600519", "US.AAPL"]
    given = [figures(code, second) for second in range(20) for code in codes]
    async with Recording(where) as recording:
        await recording.add(*given)
        for since in (-1, 3, 20):
            for until in (4, 20, 99):
                for chosen in ([], codes[:1], codes[1:], [*codes, "HK.00001"], None):
                    got = await everything(recording, chosen, at(since), at(until))
                    assert got == [
                        value
                        for value in given
                        if value.updated_at is not None
                        and at(since) <= value.updated_at < at(until)
                        and (chosen is None or value.code in chosen)
                    ]


async def test_of_figures_for_the_same_time_those_seen_last_win(where: str) -> None:
    first, second, late = (figures(capital_in_big=amount) for amount in (1.0, 2.0, 3.0))
    async with Recording(where) as recording:
        await recording.add(Change("HK.00700", first, seen_at=at(10)))
        await recording.add(Change("HK.00700", second, seen_at=at(12)))
        assert await everything(recording) == [second]
        await recording.add(Change("HK.00700", late, seen_at=at(11)))
        assert await everything(recording) == [second]
        await recording.add(late, first)
        assert await everything(recording) == [first]


async def test_snapshots_without_a_time_each_have_a_row(where: str) -> None:
    given = [figures("US.AAPL", None, capital_in_big=float(n)) for n in range(50)]
    async with Recording(where) as recording:
        await recording.add(*given[:30])
        for value in given[30:]:
            await recording.add(value)
        assert await everything(recording) == given
        assert await recording.latest() == {"US.AAPL": given[-1]}


async def test_outcomes_are_added_and_errors_are_passed_over(where: str) -> None:
    async with Recording(where) as recording:
        await recording.add()
        await recording.add(
            Outcome("HK.00700", figures()),
            Outcome("HK.99999", error=UnknownSecurity(-1, "unknown")),
            figures("HK.00005"),
        )
        assert [value.code for value in await everything(recording)] == ["HK.00005", "HK.00700"]


async def test_changes_of_a_watch_are_recorded_as_they_come(where: str) -> None:
    changes = [
        Change("US.AAPL", figures("US.AAPL", None), seen_at=at(5)),
        Change("HK.99999", error=UnknownSecurity(-1, "unknown")),
        Change("HK.00700", figures(second=3), seen_at=at(4)),
    ]
    async with Recording(where) as recording, Recording(where) as other:
        seen = []

        async def watch() -> Any:
            for change in changes:
                yield change
                seen.append(len(await everything(other)))

        await recording.follow(watch())
        assert seen == [1, 1, 2]
        # In the order of time: the one without a time of its own at the time when it was seen.
        assert [value.code for value in await everything(other)] == ["HK.00700", "US.AAPL"]
        assert await everything(other, since=at(5)) == [changes[0].value]


async def test_a_watch_can_be_followed_again_after_a_failure(tmp_path: Path) -> None:
    watch = FakeWatch(Change("HK.00700", figures(updated_at=datetime(2026, 1, 1))))  # noqa: DTZ001
    async with Recording(tmp_path / "day.sqlite") as recording:
        with pytest.raises(ValueError, match="needs its zone"):
            await recording.follow(watch)
        assert watch.closed == 1, "its reader is left behind"
        watch.changes = (Change("HK.00700", figures()),)
        await recording.follow(watch)
        reader = aiter(watch)
        await recording.follow(reader)
        assert watch.closed == 2, "a reader of the caller's is closed by the caller"
        assert await everything(recording) == [figures()]


async def test_a_clients_watch_is_recorded_change_by_change(where: str) -> None:
    given = {code: figures(code) for code in ("HK.00700", "HK.00005")}
    with anyio.fail_after(30):
        async with (
            Simulator(figures=given, quota=None) as opend,
            aiocapdist.connect(opend.memory, quota=aiocapdist.Quota(1000, 0.01)) as client,
            Recording(where) as recording,
        ):
            watch = client.watch(given, every=0.05, while_closed=True)
            async with anyio.create_task_group() as group:
                group.start_soon(recording.follow, watch)
                for second in range(4):
                    given["HK.00700"] = figures(second=second)
                    while (await recording.latest()).get("HK.00700") != figures(second=second):  # noqa: ASYNC110
                        await anyio.sleep(0.01)
                await watch.aclose()
            assert await everything(recording, ["HK.00700"]) == [
                figures(second=second) for second in range(4)
            ]
            assert await everything(recording, ["HK.00005"]) == [given["HK.00005"]]


async def test_a_sweep_can_be_followed(where: str) -> None:
    codes = ["HK.00700", "HK.00005", "HK.99999"]
    async with (
        Simulator(now=lambda: 1_700_000_000.0) as opend,
        aiocapdist.connect(opend.memory) as client,
        Recording(where) as recording,
    ):
        await recording.follow(client.capital_distributions(codes))
        assert sorted(await recording.latest()) == ["HK.00005", "HK.00700"]
        assert await recording.latest() == {
            value.code: value
            for value in [await client.capital_distribution(code) for code in codes[:2]]
        }


async def test_the_newest_of_each_code_is_the_latest_in_time(where: str) -> None:
    async with Recording(where) as recording:
        assert await recording.latest() == {}
        given = [figures(f"HK.{n:05d}", second) for n in range(30) for second in (2, 9, n % 9)]
        await recording.add(*given)
        assert await recording.latest() == {
            f"HK.{n:05d}": figures(f"HK.{n:05d}", 9) for n in range(30)
        }


async def test_what_is_added_while_reading_is_read_if_its_turn_comes(
    where: str, small_pages: None
) -> None:
    async with Recording(where) as recording:
        await recording.add(*(figures(second=n) for n in range(10)))
        reader = recording.read()
        got = [await anext(reader)]
        await recording.add(figures(second=0.5), figures(second=20))
        got += [value async for value in reader]
    assert got == [figures(second=n) for n in (*range(10), 20)]


async def test_reading_takes_the_memory_of_a_page_however_many_rows_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_store, "PAGE", 100)
    peaks = []
    async with Recording(tmp_path / "a") as recording:
        for count in (500, 5000):
            await recording.add(*(figures(second=n) for n in range(count)))
            await anext(recording.read())  # whatever is loaded at the first time
            tracemalloc.start()
            async for _ in recording.read():
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # Garbage that waits to be collected counts too. All rows at once take 30 times as much.
    assert peaks[1] < 4 * peaks[0], peaks


async def test_a_reader_that_is_left_holds_nothing_up(where: str, small_pages: None) -> None:
    async with Recording(where) as recording:
        await recording.add(*(figures(second=n) for n in range(20)))
        async for _ in recording.read():
            break
        await recording.add(figures(second=99))
        assert (await recording.latest())["HK.00700"].updated_at == at(99)


async def test_several_write_and_read_at_once(where: str) -> None:
    async with Recording(where) as one, Recording(where) as other:

        async def write(recording: Recording, code: str) -> None:
            for n in range(50):
                await recording.add(figures(code, n), figures("HK.00001", n))

        async with anyio.create_task_group() as group:
            for recording, code in ((one, "HK.00700"), (one, "HK.00005"), (other, "US.AAPL")):
                group.start_soon(write, recording, code)
            for _ in range(20):
                values = await everything(one)
                assert values == sorted(values, key=lambda value: (value.updated_at, value.code))
        assert len(await everything(other)) == 200


async def test_a_time_without_a_zone_is_a_value_error(tmp_path: Path) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    async with Recording(tmp_path / "a") as recording:
        for times in ({"since": naive}, {"until": naive}):
            with pytest.raises(ValueError, match="needs its zone"):
                recording.read(**times)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="needs its zone"):
            await recording.add(figures(updated_at=naive))
        for time in ("2026-01-01", date(2026, 1, 1)):
            with pytest.raises(TypeError, match="a time is an aware datetime, not (str|date)"):
                recording.read(since=time)  # type: ignore[arg-type]
        assert await everything(recording) == []


async def test_codes_that_are_none_are_no_empty_answer(tmp_path: Path) -> None:
    async with Recording(tmp_path / "a") as recording:
        await recording.add(figures())
        with pytest.raises(TypeError, match=r"not one string; try \['HK.00700'\]"):
            recording.read("HK.00700")
        with pytest.raises(InvalidCode, match="try 'HK.00700'"):
            recording.read(["700.HK"])
        with pytest.raises(ValueError, match="a period is one of aiocapdist.Period"):
            recording.read_flows(period="DAY")  # type: ignore[arg-type]
        with pytest.raises(InvalidCode):
            await recording.export(tmp_path / "a.csv", codes=["700.HK"])
        tencent = Security.parse("HK.00700")
        assert [found async for found in recording.read([tencent])] == [figures()]


async def test_only_what_is_iterated_by_async_for_is_followed(tmp_path: Path) -> None:
    async with Recording(tmp_path / "a") as recording:
        with pytest.raises(TypeError) as error:
            await recording.follow([figures()])  # type: ignore[arg-type]
        text = "a watch or a sweep is followed, not list; add(*figures) records it"
        assert str(error.value) == text
        with pytest.raises(TypeError, match=r"not list; try add\(\*it\)"):
            await recording.add([figures()])  # type: ignore[arg-type]


async def test_what_holds_no_figures_is_a_type_error(tmp_path: Path) -> None:
    async with Recording(tmp_path / "a") as recording:
        unusable: list[Any] = ["HK.00700", {}, [figures()], Change("HK.00700", cast(Any, "x"))]
        for wrong in unusable:
            with pytest.raises(TypeError, match="figures, outcomes and changes are recorded, not"):
                await recording.add(figures(), wrong)
        assert await everything(recording) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_it_belongs_to_the_parent(tmp_path: Path) -> None:
    output = run(_FORKED.format(path=str(tmp_path / "a")))
    assert output.splitlines() == [
        "child: it was made before this process was forked; make another Recording here",
        "child: 1",
        "parent: 2",
    ]


_FORKED = """
import os, anyio
from aiocapdist import RecordingError
from aiocapdist.recording import Recording
from tests.recording.making import figures
recording = Recording({path!r})
async def child():
    try:
        await recording.add(figures())
    except RecordingError as error:
        print(f"child: {{error.reason}}; {{error.hint}}")
    await recording.aclose()
    async with Recording({path!r}) as other:
        await other.add(figures(second=1))
        print("child:", len([v async for v in other.read()]), flush=True)
async def parent():
    await recording.add(figures(second=2))
    print("parent:", len([v async for v in recording.read()]), flush=True)
    await recording.aclose()
anyio.run(recording.open)
pid = os.fork()
if pid == 0:
    anyio.run(child)
    os._exit(0)
os.waitpid(pid, 0)
anyio.run(parent)
"""


async def test_a_closed_recording_says_so_and_can_be_opened_again(where: str) -> None:
    recording = Recording(where)
    assert repr(recording) == f"<Recording {recording.where}, closed>"
    await recording.aclose()
    for _ in range(2):
        assert await recording.open() is recording
        assert await recording.open() is recording
        assert repr(recording).endswith("open>")
        await recording.add(figures())
        await recording.aclose()
        await recording.aclose()
        with pytest.raises(RecordingError, match="it is not open; use it inside async with"):
            await recording.add(figures())
        with pytest.raises(RecordingError, match="it is not open"):
            await everything(recording)
    async with recording:
        assert await everything(recording) == [figures()]


async def test_a_row_that_holds_no_figures_is_named(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "day.sqlite"
    async with Recording(path) as recording:
        await recording.add(figures(), figures("US.AAPL"))
        for column, value in (
            ("market", "'MARS'"),
            ("capital_in_big", "'x'"),
            ("updated_at", "1e30"),
        ):
            with sqlite3.connect(path) as tool:
                (before,) = tool.execute(
                    f"SELECT {column} FROM capital_distribution WHERE code = 'US.AAPL'"
                ).fetchone()
                tool.execute(
                    f"UPDATE capital_distribution SET {column} = {value} WHERE code = 'US.AAPL'"
                )
            tool.close()
            for call in (everything(recording), recording.latest()):
                with pytest.raises(RecordingError, match="its row of US.AAPL at time 17724"):
                    await call
            with sqlite3.connect(path) as tool:
                tool.execute(
                    f"UPDATE capital_distribution SET {column} = ? WHERE code = 'US.AAPL'", [before]
                )
            tool.close()
        assert len(await recording.latest()) == 2


def test_times_are_exact() -> None:
    from aiocapdist.recording._rows import from_microseconds, to_microseconds

    for number in (0, 1, -1, 1_772_415_000_123_457, 2**53 + 1):
        assert to_microseconds(from_microseconds(number)) == number
    assert to_microseconds(START) == 1_772_415_000_000_000
