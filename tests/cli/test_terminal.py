"""Tables of ``get`` in a real terminal, of any width, with and without colours."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aiocapdist.simulator import Simulator

from .processes import simulator
from .terminals import WIDTHS, needs_terminal, terminal

TUESDAY = 1_732_590_000.0  # 2024-11-26, 11:00 in Hong Kong
FEW = ("HK.00700", "US.AAPL")
MANY = (*FEW, "SH.600519", "SZ.000001", "HK.00005")

pytestmark = needs_terminal


def to(opend: Simulator) -> tuple[str, ...]:
    return ("--address", f"{opend.host}:{opend.port}", "--quota", "none")


@pytest.mark.parametrize("columns", [30, *WIDTHS])
@pytest.mark.parametrize("codes", [FEW, MANY], ids=["tables", "ranking"])
def test_a_table_has_no_broken_line(columns: int, codes: tuple[str, ...]) -> None:
    with simulator(now=lambda: TUESDAY) as opend:
        with terminal("get", *codes, *to(opend), columns=columns, lines=60) as shown:
            assert shown.exit_code() == 0
    row = re.compile(r"(super|big|mid|small|all) .*\d[KMB]?")
    rows = [line for line in shown.lines if row.fullmatch(line)]
    if codes is FEW:
        assert len(rows) == 2 * 5
        assert ("█" in shown.text) is (columns >= 40)
    else:
        lines = [line for line in shown.lines if "%" in line]
        assert sorted(line.split()[0] for line in lines) == sorted(codes)
        assert ("market's time" in shown.text) is (columns >= 110)


@pytest.mark.parametrize(
    ("options", "environment", "colours"),
    [
        ((), {}, {"green", "red"}),
        (("--colors", "cn"), {}, {"green", "red"}),
        (("--colors", "none"), {}, set()),
        ((), {"NO_COLOR": "1"}, set()),
        ((), {"TERM": "dumb"}, set()),
    ],
)
def test_colours(options: tuple[str, ...], environment: dict[str, Any], colours: set[str]) -> None:
    with simulator(now=lambda: TUESDAY) as opend:
        arguments = ("get", *MANY, *options, *to(opend))
        with terminal(*arguments, **environment) as shown:
            assert shown.exit_code() == 0
            shares = [line.split()[1] for line in shown.lines if "%" in line]
            found = {share[0]: shown.colors_of(share) for share in shares}
    assert set(found) == {"+", "-"}
    if not colours:
        assert set.union(*found.values()) == {"default"}
    else:
        up, down = ("red", "green") if "cn" in options else ("green", "red")
        assert found == {"+": {up}, "-": {down}}
