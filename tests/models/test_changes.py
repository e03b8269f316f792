"""A change: its age, and what it crossed."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiocapdist import CapitalDistribution, Change, Market, Outcome, UnknownSecurity


def figures(net_big: float = 0.0, **fields: Any) -> CapitalDistribution:
    amounts: dict[str, Any] = dict.fromkeys(("capital_in_mid", "capital_in_small"), 0.0)
    amounts |= dict.fromkeys(("capital_out_big", "capital_out_mid", "capital_out_small"), 0.0)
    return CapitalDistribution(
        code="HK.00700", market=Market.HK, capital_in_big=net_big, **amounts, **fields
    )


def change(value: CapitalDistribution | None, previous: CapitalDistribution | None) -> Change:
    error = UnknownSecurity(-1, "unknown stock", 0, "HK.00700") if value is None else None
    return Change("HK.00700", value, previous, error, 0, None, datetime.now(UTC))


@pytest.mark.parametrize(
    ("before", "now", "level", "crossed"),
    [
        (-1.0, 1.0, 0.0, 1),
        (0.0, 1.0, 0.0, 1),
        (1.0, 0.0, 0.0, -1),
        (1.0, -1.0, 0.0, -1),
        (-1.0, 0.0, 0.0, 0),
        (0.0, 0.0, 0.0, 0),
        (1.0, 2.0, 0.0, 0),
        (1.0, 2.0, 1.5, 1),
        (2.0, 1.5, 1.5, -1),
    ],
)
def test_what_a_change_crossed(before: float, now: float, level: float, crossed: int) -> None:
    assert change(figures(now), figures(before)).crossed("net_big", level) == crossed


def test_nothing_is_crossed_where_a_side_is_missing() -> None:
    new = {"capital_in_super": 2.0, "capital_out_super": 1.0}
    assert change(figures(5.0), None).crossed("net_big") == 0
    assert change(None, figures(5.0)).crossed("net_big") == 0
    assert change(figures(**new), figures()).crossed("net_super") == 0
    assert change(figures(), figures(**new)).crossed("net_super") == 0
    assert change(figures(**new), figures()).crossed("main_net") == 1
    assert change(figures(), figures()).crossed("main_ratio") == 0, "no money moved"


@pytest.mark.parametrize("field", ["main", "code", "update_time", "updated_at", "model_fields", ""])
def test_what_is_no_amount_cannot_be_crossed(field: str) -> None:
    for value in (figures(), None):
        with pytest.raises(ValueError, match="none of the amounts .*, main_net, "):
            change(value, None).crossed(field)


def test_the_age_is_that_of_the_figures() -> None:
    made = datetime.now(UTC) - timedelta(seconds=100)
    age = change(figures(updated_at=made), None).age
    assert age == pytest.approx(100, abs=5)
    assert change(figures(), None).age is None
    assert change(None, figures(updated_at=made)).age is None


@pytest.mark.parametrize("kind", ["Change", "Outcome"])
def test_an_amount_that_is_the_values_is_told(kind: str) -> None:
    one: Any = change(figures(), None) if kind == "Change" else Outcome("HK.00700", figures())
    with pytest.raises(AttributeError) as error:
        one.main_net  # noqa: B018
    assert str(error.value) == (
        f"'{kind}' object has no attribute 'main_net'; here it is .value.main_net, "
        "or .unwrap().main_net, which raises its error"
    )
    with pytest.raises(AttributeError, match="no attribute 'colour'$"):
        one.colour  # noqa: B018
    assert pickle.loads(pickle.dumps(one)) == copy.copy(one) == one


def test_unwrap_gives_the_figures_or_raises() -> None:
    value = figures(1.0)
    assert change(value, None).unwrap() is value
    with pytest.raises(UnknownSecurity):
        change(None, value).unwrap()
