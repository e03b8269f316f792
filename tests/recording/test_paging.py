"""Pages of a store: every row once, in order, however they are cut; and by an index, always."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist.recording import _store
from aiocapdist.recording._locations import database_at
from aiocapdist.recording._rows import distribution, distribution_row
from aiocapdist.recording._schema import DISTRIBUTIONS
from aiocapdist.recording._store import Key, Span, Store

from .making import figures

CODES = [f"HK.{n:05d}" for n in range(6)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("paging") / "day.sqlite"
    store = Store(database_at(path), read_only=False)
    yield store
    store.close()


def rows_of(keys: set[Key]) -> list[dict[str, Any]]:
    row = distribution_row(figures(second=None), 0)
    return [{**row, "code": code, "time": time, "updated_at": time} for time, code in keys]


def pages(store: Store, span: Span) -> list[list[Key]]:
    got, after = [], None
    while True:
        page = store.page(span, after)
        got.append([(row[1], row[0]) for row in page.rows])
        if page.after is None:
            return got
        assert after is None or page.after > after, "no progress: it would never end"
        after = page.after


keys = st.sets(st.tuples(st.integers(0, 12), st.sampled_from(CODES)), max_size=60)
spans = st.builds(
    Span,
    st.none() | st.sets(st.sampled_from([*CODES, "US.AAPL"])).map(frozenset),
    st.none() | st.integers(0, 13),
    st.none() | st.integers(0, 13),
)


@settings(max_examples=150)
@given(keys=keys, span=spans, size=st.integers(1, 9), few=st.sampled_from([0, 64]))
def test_every_row_of_a_span_is_given_once_and_in_order(
    store: Store, keys: set[Key], span: Span, size: int, few: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_store, "PAGE", size)
        patch.setattr(_store, "_FEW_CODES", few)
        with store._writer.begin() as connection:
            connection.execute(DISTRIBUTIONS.delete())
        if keys:
            store.write(DISTRIBUTIONS, rows_of(keys))
        got = pages(store, span)
        newest = {row[0]: row[1] for row in store.latest()}
    codes, since, until = span
    assert [key for page in got for key in page] == sorted(
        (time, code)
        for time, code in keys
        if (codes is None or code in codes)
        and (since is None or time >= since)
        and (until is None or time < until)
    )
    assert max(map(len, got)) <= max(size, len(codes or ()) if few else 0)
    assert newest == {code: max(t for t, c in keys if c == code) for _, code in keys}


def test_the_newest_row_wins_within_one_call_too(store: Store) -> None:
    with store._writer.begin() as connection:
        connection.execute(DISTRIBUTIONS.delete())
    rows = [
        distribution_row(figures(capital_in_big=float(n)), seen) for n, seen in enumerate((5, 9, 7))
    ]
    store.write(DISTRIBUTIONS, rows)
    assert [distribution(row).capital_in_big for row in store.latest()] == [1.0]


@pytest.mark.parametrize("after", [None, (5, "HK.00700")])
@pytest.mark.parametrize("codes", [None, frozenset(["HK.00700"])])
@pytest.mark.parametrize("since", [None, 3])
def test_no_page_is_found_by_scanning_or_sorting_all(
    tmp_path: Path, codes: frozenset[str] | None, since: int | None, after: Key | None
) -> None:
    plans = plans_of(tmp_path, lambda store: store.page(Span(codes, since, 99), after))
    for plan in plans:
        assert "TEMP B-TREE" not in plan
        assert "SEARCH" in plan or "USING INDEX" in plan


def test_the_latest_are_found_by_steps(tmp_path: Path) -> None:
    (plan,) = plans_of(tmp_path, Store.latest)
    assert "SCAN capital_distribution" not in plan.replace("SCAN capital_distribution USING", "")
    assert "SEARCH newest USING PRIMARY KEY (code=? AND time=?)" in plan


def plans_of(tmp_path: Path, read: Any) -> list[str]:
    """How SQLite goes about what this reads."""
    path = tmp_path / "day.sqlite"
    store = Store(database_at(path), read_only=False)
    asked: list[tuple[str, Any]] = []
    from sqlalchemy import event

    event.listen(
        store._engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, parameters, *_: asked.append((statement, parameters)),
    )
    read(store)
    store.close()
    connection = sqlite3.connect(path)
    plans = [
        "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))
        for sql, parameters in asked
        if "capital_distribution" in sql
    ]
    connection.close()
    assert plans
    return plans
