"""Tables: the same columns, types, rows and exact numbers in pandas, Polars, Arrow and rows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist import (
    CapitalDistribution,
    CapitalFlow,
    Change,
    FlowPoint,
    GlobalState,
    InvalidCode,
    Market,
    MarketState,
    Notice,
    Outcome,
    Period,
    SweepResult,
    frames,
)

AT = datetime(2025, 10, 9, 8, 53, 20, 123_456, tzinfo=UTC)
FIELDS = [*CapitalDistribution.model_fields, *CapitalDistribution.model_computed_fields]
FLOW_FIELDS = ["code", "market", "period", *FlowPoint.model_fields]
TEXTS = ["code", "market", "period", "time", "update_time"]
TIMES = ["at", "updated_at"]


def figures(code: str = "HK.00700", amount: float = 0.1, **more: Any) -> CapitalDistribution:
    tiers = dict.fromkeys((f"capital_{way}_{t}" for way in ("in", "out") for t in TIERS), amount)
    market = Market[code.partition(".")[0]]
    return CapitalDistribution.model_validate({"code": code, "market": market, **tiers, **more})


TIERS = ("big", "mid", "small")
FULL = figures("US.AAPL", 1234.567, capital_in_super=0.001, updated_at=AT, update_time="now")
OLD = figures("HK.00005", 1e12)
RESULT = SweepResult({"US.AAPL": FULL, "HK.00005": OLD}, {"x": InvalidCode("x", "bad")})
POINTS = (
    FlowPoint(time="09:30", at=AT, day=date(2025, 10, 9), in_flow=-0.1, super_in_flow=0.0),
    FlowPoint(in_flow=1e-9),
)
FLOW = CapitalFlow(code="HK.00700", market=Market.HK, period=Period.INTRADAY, points=POINTS)
EMPTY_FLOW = CapitalFlow(code="HK.00700", market=Market.HK, period=Period.DAY)


def from_pandas(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Read a DataFrame back into rows, with dates and times of Python."""
    rows: list[dict[str, Any]] = []
    for record in frame.to_dict("records"):
        row: dict[str, Any] = {}
        for name, value in record.items():
            plain = None if pd.isna(value) else value
            if isinstance(plain, pd.Timestamp):
                plain = plain.to_pydatetime().date() if name == "day" else plain.to_pydatetime()
            row[str(name)] = plain
        rows.append(row)
    return rows


READERS: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    "pandas": lambda models: from_pandas(frames.to_pandas(models)),
    "polars": lambda models: frames.to_polars(models).to_dicts(),
    "arrow": lambda models: frames.to_arrow(models).to_pylist(),
    "rows": frames.rows,
}


def expected(models: Any, names: list[str]) -> list[dict[str, Any]]:
    plain = [{name: getattr(model, name) for name in names} for model in models]
    return [{k: v.name if isinstance(v, Market) else v for k, v in row.items()} for row in plain]


@pytest.mark.parametrize("to", READERS)
def test_every_field_is_a_column_with_its_exact_value(to: str) -> None:
    got = READERS[to]([FULL, OLD])
    assert [list(row) for row in got] == [FIELDS, FIELDS]
    assert got == expected([FULL, OLD], FIELDS)
    assert (got[0]["market"], got[1]["updated_at"], got[1]["net_super"]) == ("US", None, None)


@pytest.mark.parametrize("to", READERS)
def test_a_result_is_the_table_of_its_values_in_order(to: str) -> None:
    assert READERS[to](RESULT) == READERS[to]([FULL, OLD])
    assert READERS[to](iter([FULL, OLD])) == READERS[to]([FULL, OLD])


@pytest.mark.parametrize("to", READERS)
def test_a_flow_is_the_table_of_its_points(to: str) -> None:
    got = READERS[to](FLOW)
    assert [list(row) for row in got] == [FLOW_FIELDS, FLOW_FIELDS]
    assert [row["in_flow"] for row in got] == [-0.1, 1e-9]
    assert {(row["code"], row["market"], row["period"]) for row in got} == {
        ("HK.00700", "HK", "INTRADAY")
    }
    assert (got[0]["at"], got[0]["day"], got[0]["super_in_flow"]) == (AT, date(2025, 10, 9), 0.0)
    assert (got[1]["at"], got[1]["day"], got[1]["super_in_flow"]) == (None, None, None)


@pytest.mark.parametrize("to", READERS)
def test_several_flows_are_one_table_and_points_another(to: str) -> None:
    other = FLOW.model_copy(update={"code": "HK.00005"})
    got = READERS[to]([FLOW, EMPTY_FLOW, other])
    assert [row["code"] for row in got] == ["HK.00700"] * 2 + ["HK.00005"] * 2
    assert READERS[to](POINTS) == [
        {name: row[name] for name in FlowPoint.model_fields} for row in READERS[to](FLOW)
    ]


def test_the_methods_give_what_the_functions_give() -> None:
    for model in (RESULT, FLOW):
        assert model.rows() == frames.rows(model)
        assert model.to_polars().equals(frames.to_polars(model))
        assert model.to_arrow() == frames.to_arrow(model)
        pd.testing.assert_frame_equal(model.to_pandas(), frames.to_pandas(model))


EMPTY = [SweepResult({}, {}), EMPTY_FLOW, []]


@pytest.mark.parametrize("models", EMPTY, ids=["result", "flow", "iterable"])
def test_an_empty_table_has_its_columns_and_types(models: Any) -> None:
    full: Any = FLOW if models is EMPTY_FLOW else [FULL]
    assert frames.rows(models) == []
    assert frames.to_polars(models).schema == frames.to_polars(full).schema
    assert frames.to_arrow(models).schema == frames.to_arrow(full).schema
    pandas = frames.to_pandas(models)
    assert len(pandas) == 0
    assert dict(pandas.dtypes) == dict(frames.to_pandas(full).dtypes)


@pytest.mark.parametrize("models", [FLOW, [FULL], [OLD]], ids=["flow", "full", "old"])
def test_the_types_do_not_depend_on_the_values(models: Any) -> None:
    pandas, polars = frames.to_pandas(models), frames.to_polars(models)
    arrow = frames.to_arrow(models).schema
    for name in polars.columns:
        kinds = (str(pandas.dtypes[name]), polars.schema[name], arrow.field(name).type)
        if name in TEXTS:
            assert kinds == ("string", pl.String(), pa.string())
        elif name in TIMES:
            wanted = ("datetime64[us, UTC]", pl.Datetime("us", "UTC"), pa.timestamp("us", "UTC"))
            assert kinds == wanted
        elif name == "day":
            assert kinds == ("datetime64[s]", pl.Date(), pa.date32())
        else:
            assert kinds == ("Float64", pl.Float64(), pa.float64())


def test_absent_is_null_and_not_nan() -> None:
    assert frames.to_pandas([OLD])["net_super"].isna().all()
    assert frames.to_polars([OLD])["net_super"].null_count() == 1
    assert frames.to_arrow([OLD])["net_super"].null_count == 1


@given(st.lists(st.floats(-1e15, 1e15), max_size=5))
def test_numbers_are_exact(amounts: list[float]) -> None:
    models = [figures(amount=amount) for amount in amounts]
    for read in READERS.values():
        assert [row["capital_in_big"] for row in read(models)] == amounts


def test_other_flat_models_are_tables_too() -> None:
    phases = {f"market_{name}": 99 for name in ("hk", "us", "sh", "sz", "hk_future")}
    state = GlobalState.model_validate(
        {
            **phases,
            "market_us": MarketState.CLOSED,
            "quote_logged_in": True,
            "trade_logged_in": False,
            "server_version": "10.11",
            "server_build": 7,
            "server_time": AT,
        }
    )
    for read in READERS.values():
        (row,) = read([state])
        assert (row["market_us"], row["market_hk"], row["market_jp"]) == ("CLOSED", "99", None)
        assert (row["quote_logged_in"], row["server_build"], row["server_time"]) == (True, 7, AT)


def test_models_of_several_classes_are_no_table() -> None:
    for models in ([FULL, FLOW], [POINTS[0], FULL], [FLOW, FULL]):
        with pytest.raises(TypeError, match="a table is of one model: "):
            frames.rows(models)


def test_what_is_no_row_is_said() -> None:
    with pytest.raises(TypeError, match="not of Outcome; give each one's .value"):
        frames.rows([Outcome("HK.00700", FULL)])  # type: ignore[list-item]
    change = Change("HK.00700", FULL, None, None, 0, None, AT)
    with pytest.raises(TypeError, match="not of Change; give each one's .value"):
        frames.rows([change])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="not of one; give it in brackets"):
        frames.rows(FULL)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"not of a dict; give its \.values\(\)"):
        frames.rows(RESULT.values)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="made of models, not of str"):
        frames.rows(["HK.00700"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="Notice is no table row: quote_rights is not one value"):
        frames.rows([Notice(type=1, fields={})])


def test_a_result_is_a_collection_of_figures_by_code() -> None:
    assert list(RESULT) == [FULL, OLD]
    assert len(RESULT) == 2
    assert "US.AAPL" in RESULT
    assert FULL in RESULT
    assert "HK.99999" not in RESULT
    assert None not in RESULT
    assert RESULT["HK.00005"] is OLD
    with pytest.raises(InvalidCode):
        RESULT["x"]
    with pytest.raises(KeyError, match=r"HK\.00001"):
        RESULT["HK.00001"]
    assert not SweepResult({}, {})


FIRST = """
import aiocapdist
table = aiocapdist.frames.to_arrow([])
print(table.schema.field("main_net").type, len(table.column_names))
"""


def test_a_table_may_be_the_first_use_of_its_model() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["double", str(len(FIELDS))]


BLOCK = """
import sys
sys.modules[{package!r}] = None
import aiocapdist
result = aiocapdist.SweepResult({{}}, {{}})
assert result.rows() == []
try:
    result.to_{kind}()
except ModuleNotFoundError as error:
    print(error)
print(sorted({{"numpy", "pandas", "polars", "pyarrow"}} & set(sys.modules) - {{{package!r}}}))
"""


@pytest.mark.parametrize(
    ("kind", "package"), [("pandas", "pandas"), ("polars", "polars"), ("arrow", "pyarrow")]
)
def test_a_missing_package_is_named_with_its_extra(kind: str, package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCK.format(kind=kind, package=package)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    missing = f"to_{kind}() needs a package that is not installed ({package})"
    advice = f"try: pip install 'aiocapdist[{kind}]'"
    assert done.stdout.splitlines() == [f"{missing}; {advice}", "[]"]
