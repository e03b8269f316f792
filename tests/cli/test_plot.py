"""``aiocapdist plot``: figures of a recording, and of today's flow."""

from __future__ import annotations

import asyncio
import math
import re
import struct
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from aiocapdist import CapitalFlow, FlowPoint, Market, Period
from aiocapdist.cli.app import run
from aiocapdist.cli.series import GAP, Series, add_figures, series_of_flow
from aiocapdist.recording import Recording
from aiocapdist.simulator import Simulator

from ..recording.making import at, figures
from .processes import run_here, simulator

TUESDAY = 1_732_590_000.0  # 2024-11-26, 11:00 in Hong Kong


def draw(series: list[Series], kind: Any, colors: Any) -> bytes:
    from aiocapdist.cli import figure  # which loads Matplotlib

    return figure.draw(series, kind, colors)


def to(opend: Simulator) -> tuple[str, ...]:
    return ("--address", f"{opend.host}:{opend.port}", "--quota", "none")


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """Return a recording of two codes."""
    path = tmp_path / "day.sqlite"

    async def write() -> None:
        async with Recording(path) as recording:
            for minute in range(30):
                for code in ("HK.00700", "US.AAPL"):
                    made = figures(code, 60 * minute, capital_in_big=float(minute))
                    await recording.add(made)

    asyncio.run(write())
    return path


def texts(path: Path) -> list[str]:
    """Return the texts of an SVG."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text("utf-8"))


def test_todays_flow_is_drawn_as_a_png(tmp_path: Path) -> None:
    path = tmp_path / "today.png"
    with simulator(now=lambda: TUESDAY) as opend:
        code, out, err = run_here("plot", "HK.00700", "AAPL", "--output", str(path), *to(opend))
    assert (code, out) == (0, "")
    assert err == "aiocapdist: took 'AAPL' for US.AAPL\n"
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (1200, 768)


def test_a_recording_is_drawn_as_an_svg(day: Path, tmp_path: Path) -> None:
    path = tmp_path / "day.svg"
    assert run(["plot", "--recording", str(day), "--output", str(path)]) == 0
    found = texts(path)
    assert "HK.00700: inflow less outflow in HKD, Hong Kong time" in found
    assert "US.AAPL: inflow less outflow in USD, New York time" in found
    assert found.count("all orders") == 2
    assert "09:45" in found, "the market's own time"


def test_codes_and_times_limit_what_is_drawn(day: Path, tmp_path: Path) -> None:
    path = tmp_path / "day.svg"
    span = ("--since", at(600).isoformat(), "--until", at(900).isoformat())
    arguments = ["plot", "US.AAPL", "--recording", str(day), "--output", str(path), *span]
    assert run(arguments) == 0
    found = texts(path)
    assert not any("HK.00700" in text for text in found)
    assert "20:45" not in found


def test_a_code_without_figures_is_named_and_the_others_are_drawn(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "day.svg"
    assert run(["plot", "HK.1", "HK.700", "--recording", str(day), "--output", str(path)]) == 1
    assert capsys.readouterr().err.endswith("aiocapdist: nothing to draw of HK.00001\n")
    assert "HK.00700: inflow less outflow in HKD, Hong Kong time" in texts(path)


def test_nothing_is_written_if_nothing_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "today.png"
    with simulator(language="en") as opend:
        assert run(["plot", "HK.99999", "--output", str(path), *to(opend)]) == 1
    assert "unknown stock" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("plot HK.00700", 2, "no output file; try: --output today.png"),
        ("plot HK.00700 --output {tmp}/a.pdf", 2, "a figure is a .png or .svg, not 'a.pdf'"),
        ("plot --output {tmp}/a.png", 2, "no codes given"),
        ("plot HK.O0700 --output {tmp}/a.png", 2, "try 'HK.00700'"),
        ("plot HK.00700 --output {tmp}/a.png --since 2026-01-01", 2, "are for --recording"),
        ("plot --recording {tmp}/no --output {tmp}/a.png", 3, "there is no recording yet"),
        ("plot --recording {tmp}/no --output {tmp}/a.png --since x", 2, "--since is a time"),
        ("plot HK.00700 --simulate --output {tmp}/no/a.png", 4, "No such file"),
    ],
)
def test_wrong_usage_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: str, code: int, text: str
) -> None:
    assert run(arguments.format(tmp=tmp_path).split()) == code
    out, err = capsys.readouterr()
    assert (out, text in err) == ("", True), err


def test_more_than_twenty_codes_are_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    codes = [f"HK.{n:05d}" for n in range(1, 22)]
    assert run(["plot", *codes, "--output", "a.png"]) == 2
    assert "21 codes: a figure has 20 panels at most" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "extra", "options"),
    [("matplotlib", "plot", ()), ("sqlalchemy", "store", ("--recording", "day.sqlite"))],
)
def test_without_the_extra_it_says_what_to_install(
    package: str, extra: str, options: tuple[str, ...]
) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; import aiocapdist.cli as c; c.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "plot", "HK.00700", "--output", "a.png", *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"pip install 'aiocapdist[{extra}]'" in done.stderr


# ---- Series and drawing


def series(count: int = 30) -> Series:
    made: dict[str, Series] = {}
    for minute in range(count):
        add_figures(made, figures(second=60 * minute, capital_in_big=minute * 1e6))
    return made["HK.00700"]


def test_lines_are_interrupted_at_night() -> None:
    made = series(2)
    made.add(at(60) + GAP - timedelta(seconds=1), [1.0] * 5)
    assert len(made.times) == 3
    made.add(made.times[-1] + GAP, [2.0] * 5)
    assert len(made.times) == 5
    assert [math.isnan(value) for value in made.amounts["net"]] == [False] * 3 + [True, False]


def test_what_opend_did_not_send_is_not_drawn_as_zero() -> None:
    points = (FlowPoint(at=at(0), day=date(2026, 3, 2), in_flow=5.0), FlowPoint(in_flow=6.0))
    flow = CapitalFlow(code="HK.00700", market=Market.HK, period=Period.INTRADAY, points=points)
    made = series_of_flow(flow)
    assert made.amounts["net"] == [5.0], "a row without a time has no place"
    assert all(math.isnan(made.amounts[name][0]) for name in ("super", "big", "mid", "small"))
    assert b">super<" not in draw([made], "svg", "us")
    assert b">all orders<" in draw([made], "svg", "us")


def test_colours_and_repeatable_bytes() -> None:
    drawn = {colors: draw([series()], "svg", colors) for colors in ("us", "cn", "none")}
    assert draw([series()], "svg", "us") == drawn["us"]
    assert len(set(drawn.values())) == 3
    assert b"#d73027" not in drawn["none"]
    assert draw([series()], "png", "us") == draw([series()], "png", "us")


def test_a_code_from_a_recording_is_text_and_no_formula() -> None:
    made = series()
    made.code = "US.$x^$<b>"
    assert b"US.$x^$&lt;b&gt;: inflow" in draw([made], "svg", "us")
