"""Capital flow: the model, and the dates of a request."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from aiocapdist import CapitalFlow, FlowPoint, Market, Period
from aiocapdist.models.period import flow_dates

POINT = FlowPoint(
    time="2025-10-09 09:31:00",
    at=datetime(2025, 10, 9, 1, 31, tzinfo=UTC),
    day=date(2025, 10, 9),
    in_flow=-0.375,
    super_in_flow=0.0,
)
FLOW = CapitalFlow(code="HK.00700", market=Market.HK, period=Period.INTRADAY, points=(POINT,))


def test_a_flow_cannot_be_changed_and_is_compared_by_value() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FLOW.points = ()
    with pytest.raises(ValidationError, match="frozen"):
        POINT.in_flow = 1.0
    again = FLOW.model_copy(deep=True)
    assert again == FLOW
    assert hash(again) == hash(FLOW)
    assert CapitalFlow(code="HK.00700", market=Market.HK, period=Period.INTRADAY) != FLOW


def test_a_flow_survives_json_and_pickling() -> None:
    assert CapitalFlow.model_validate_json(FLOW.model_dump_json()) == FLOW
    assert pickle.loads(pickle.dumps(FLOW)) == FLOW
    (row,) = json.loads(FLOW.model_dump_json())["points"]
    assert row["at"] == "2025-10-09T01:31:00Z"
    assert row["day"] == "2025-10-09"
    assert row["main_in_flow"] is None


def test_the_repr_of_a_flow_is_short() -> None:
    assert len(repr(FLOW.model_copy(update={"points": (POINT,) * 390}))) < 200


@pytest.mark.parametrize("period", [Period.DAY, Period.WEEK, Period.MONTH])
def test_dates_are_given_as_dates_or_texts(period: Period) -> None:
    assert flow_dates(period, None, None) == (None, None)
    assert flow_dates(period, "2025-01-02", date(2025, 3, 4)) == ("2025-01-02", "2025-03-04")
    assert flow_dates(period, date(2025, 1, 2), "2025-01-02") == ("2025-01-02", "2025-01-02")
    assert flow_dates(period, None, "2025-01-02") == (None, "2025-01-02")


def test_an_intraday_flow_has_no_dates() -> None:
    assert flow_dates(Period.INTRADAY, None, None) == (None, None)
    for dates in (("2025-01-02", None), (None, date(2025, 1, 2))):
        with pytest.raises(ValueError, match="for Period.DAY, WEEK and MONTH, not for INTRADAY"):
            flow_dates(Period.INTRADAY, *dates)


def test_the_start_is_not_after_the_end() -> None:
    with pytest.raises(ValueError, match="start is after end: 2025-01-03 > 2025-01-02"):
        flow_dates(Period.DAY, "2025-01-03", date(2025, 1, 2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-1-2",
        "20250102",
        "2025-02-30",
        "2025-W01-1",
        "2025-01-02 ",
        "02.01.2025",
        "٢٠٢٥-01-02",
    ],
)
def test_a_text_that_is_no_date_is_a_value_error(text: str) -> None:
    for dates in ((text, None), (None, text)):
        with pytest.raises(ValueError, match="is a date such as '2025-12-31', not"):
            flow_dates(Period.DAY, *dates)


@pytest.mark.parametrize("value", [datetime(2025, 1, 2, tzinfo=UTC), 20250102, b"2025-01-02"])
def test_another_type_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="start is a datetime.date or a string, not"):
        flow_dates(Period.DAY, value, None)  # type: ignore[arg-type]
