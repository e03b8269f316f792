"""Make the pictures of the command line for its page: ``python -m tools.screenshots``.

The figures are the simulator's at a fixed time, so that the same sources make the same pictures.
Chinese pages take those whose names end in ``.zh_CN.svg``. The plot is there in English alone: a
Chinese one would depend on the fonts of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import rich._export_format as export_format
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.progress import Progress
from rich.text import Text

import aiocapdist
from aiocapdist import CapitalDistribution, CapitalFlow, Change
from aiocapdist.cli.drawing import make_style
from aiocapdist.cli.figure import draw
from aiocapdist.cli.flow_table import flow_lines
from aiocapdist.cli.language import Language, use_language
from aiocapdist.cli.live_table import Row, caption, live_lines
from aiocapdist.cli.options import RankingOptions
from aiocapdist.cli.progress_bar import progress_columns
from aiocapdist.cli.ranking import rank, ranking_lines
from aiocapdist.cli.series import series_of_flow
from aiocapdist.cli.table import figures_lines
from aiocapdist.simulator import Simulator

LANGUAGES: dict[Language, str] = {"zh": ".zh_CN.svg", "en": ".svg"}
FOLDER = Path(__file__).parents[1] / "docs" / "reference" / "screenshots"
WIDTH = 80
NOW = datetime(2026, 3, 3, 6, 30, 20, tzinfo=UTC)  # 14:30:20 in Hong Kong, a Tuesday
CODES = ["HK.00700", "US.AAPL", "SH.600519", "SZ.000001", "HK.00005"]
_TEXT = re.compile(
    r'<text (?P<style>class="[^"]*") x="(?P<x>[\d.]+)" (?P<y>y="[\d.]+") '
    r'textLength="(?P<length>[\d.]+)"(?P<rest>[^>]*)>(?P<content>[^<]*)</text>'
)
STYLE = make_style("us", ascii_only=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write all pictures into the folder of the page, or another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    before, now, flows = asyncio.run(_ask())
    for language, suffix in LANGUAGES.items():
        use_language(language)
        for name, title, lines in _screens(before, now, flows):
            (folder / f"{name}{suffix}").write_text(_svg(name, title, lines), "utf-8")
    series = [series_of_flow(flow) for flow in flows[:2]]
    (folder / "plot.svg").write_bytes(draw(series, "svg", "us"))


async def _ask() -> tuple[list[CapitalDistribution], list[CapitalDistribution], list[CapitalFlow]]:
    """Return the figures of a minute ago, those of now, and the flows."""
    seconds = NOW.timestamp() - 60.0
    async with (
        Simulator(quota=None, now=lambda: seconds) as opend,
        aiocapdist.connect(opend.memory) as client,
    ):
        before = [await client.capital_distribution(code) for code in CODES]
        seconds = NOW.timestamp()
        now = [await client.capital_distribution(code) for code in CODES]
        flows = [await client.capital_flow(code) for code in CODES]
    return before, now, flows


def _screens(
    before: Sequence[CapitalDistribution],
    now: Sequence[CapitalDistribution],
    flows: Sequence[CapitalFlow],
) -> Iterator[tuple[str, str, Sequence[RenderableType]]]:
    """Yield each picture's name, title and lines."""
    yield "get", "aiocapdist get HK.00700", figures_lines(now[0], WIDTH, STYLE)
    ranked = rank(now, "main_ratio", None)
    lines = ranking_lines(ranked, "main_ratio", WIDTH, STYLE)
    yield "ranking", f"aiocapdist get {' '.join(CODES)}", lines
    yield "flow", "aiocapdist flow HK.00700 --last 5", flow_lines(flows[0], 5, WIDTH, STYLE)
    rows = [
        Row(code).changed(Change(code, new, old, None, 0, None, NOW - timedelta(seconds=9 * n)))
        for n, (code, new, old) in enumerate(zip(CODES, now, before, strict=True))
    ]
    head = [Text(caption(len(CODES), 60.0, 60.0, NOW))]
    table = live_lines(rows, head, RankingOptions(), NOW, (WIDTH, 24), STYLE)
    yield "watch", f"aiocapdist watch {' '.join(CODES)}", table
    yield "progress", "aiocapdist get @watchlist.txt --output today.csv --format csv", [_bar()]


def _bar() -> Progress:
    """Return the progress bar of a list in the middle of its way."""
    bar = Progress(*progress_columns(), expand=True, get_time=lambda: 0.0, auto_refresh=False)
    bar.add_task("", total=240, completed=93, until=121.0)
    return bar


def _svg(name: str, title: str, lines: Sequence[RenderableType]) -> str:
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for line in lines:
        console.print(line)
    # Nothing is loaded from other sites: fonts are the reader's own.
    form = re.sub(r"@font-face \{\{.*?\}\}", "", export_format.CONSOLE_SVG_FORMAT, flags=re.S)
    drawn = console.export_svg(title=title, code_format=form, unique_id=name)
    return _TEXT.sub(_placed, drawn)


def _placed(text: re.Match[str]) -> str:
    """Return a text in parts of equal cells: rich counts characters, and Chinese ones are wide."""
    shown = html.unescape(text["content"])
    if cell_len(shown) <= len(shown):
        return text[0]
    x, cell, parts = float(text["x"]), float(text["length"]) / len(shown), []
    for _, group in itertools.groupby(shown, cell_len):
        part = "".join(group)
        content = html.escape(part).replace("\xa0", "&#160;")
        length = cell * cell_len(part)
        parts.append(
            f'<text {text["style"]} x="{x:g}" {text["y"]} textLength="{length:g}"'
            f"{text['rest']}>{content}</text>"
        )
        x += length
    return "".join(parts)


if __name__ == "__main__":
    main()
