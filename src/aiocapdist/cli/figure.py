"""Draw net amounts over time as a PNG or SVG, with matplotlib. A panel for each security."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any, cast

from .._extras import needs_extra
from .drawing import CURRENCIES, amount, place, zone_of
from .formats import Colors, FigureFormat
from .language import language, tr, use_language
from .series import Series

with needs_extra("plot", "plotting"):
    import matplotlib
    from matplotlib import dates
    from matplotlib.figure import Figure

WIDTH, PANEL_HEIGHT = 10.0, 3.2
"""Inches."""
_INK, _GREEN, _RED, _GREY = "#222222", "#1a9850", "#d73027", "#9e9e9e"
_FILLS = {"us": (_GREEN, _RED), "cn": (_RED, _GREEN), "none": (_GREY, _GREY)}
CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
)
# Told apart without colours too: by the dashes.
_LINES: dict[str, dict[str, Any]] = {
    "super": {"color": "#0072b2", "linestyle": "-"},
    "big": {"color": "#e69f00", "linestyle": "--"},
    "mid": {"color": "#009e73", "linestyle": "-."},
    "small": {"color": "#cc79a7", "linestyle": ":"},
}


def draw(series: Sequence[Series], format: FigureFormat, colors: Colors) -> bytes:
    """Return the figure's file. The same series give the same bytes.

    Its words are English if no Chinese font is installed.
    """
    settings: dict[Any, Any] = {"svg.hashsalt": "aiocapdist", "svg.fonttype": "none"}
    chosen = language()
    if chosen == "zh" and (font := _chinese_font()) is not None:
        settings["font.family"] = ["DejaVu Sans", font]
    else:
        use_language("en")
    try:
        return _drawn(series, format, colors, settings)
    finally:
        use_language(chosen)


def _chinese_font() -> str | None:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return next((font for font in CHINESE_FONTS if font in installed), None)


def _drawn(
    series: Sequence[Series], format: FigureFormat, colors: Colors, settings: dict[Any, Any]
) -> bytes:
    with matplotlib.rc_context(settings):
        size = (WIDTH, PANEL_HEIGHT * len(series))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(series), squeeze=False)[:, 0]
        for panel, one in zip(panels, series, strict=True):
            _draw_panel(panel, one, colors)
        file = io.BytesIO()
        # Without the date and the version of matplotlib.
        metadata = {"Date": None} if format == "svg" else {"Software": "aiocapdist"}
        figure.savefig(file, format=format, dpi=120, metadata=metadata)
    return file.getvalue()


def _draw_panel(panel: Any, series: Series, colors: Colors) -> None:
    times, net = series.times, series.amounts["net"]
    inflow, outflow = _FILLS[colors]
    rising = [value >= 0 for value in net]
    falling = [value <= 0 for value in net]
    style = {"alpha": 0.18, "linewidth": 0, "interpolate": True}
    panel.fill_between(times, net, 0.0, where=rising, color=inflow, **style)
    panel.fill_between(times, net, 0.0, where=falling, color=outflow, **style)
    marker = "." if len(times) < 3 else ""
    for name, look in _LINES.items():
        if not all(map(math.isnan, series.amounts[name])):
            panel.plot(times, series.amounts[name], label=tr(name), lw=1.2, marker=marker, **look)
    panel.plot(times, net, label=tr("all orders"), lw=2.0, color=_INK, marker=marker)
    panel.axhline(0.0, color=_GREY, lw=0.8)
    panel.set_title(_title(series), loc="left", fontsize=11, parse_math=False)
    panel.yaxis.set_major_formatter(lambda value, _: amount(value, sign=True))
    zone, untyped = zone_of(series.market), cast(Any, dates)
    locator = untyped.AutoDateLocator(tz=zone)
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator, tz=zone))
    panel.grid(visible=True, alpha=0.25)
    panel.margins(x=0.01)
    panel.legend(loc="upper left", fontsize=8, ncols=5, framealpha=0.6)


def _title(series: Series) -> str:
    currency = CURRENCIES.get(series.market)
    zone = "UTC"
    if zone_of(series.market) is not None:
        zone = tr("{place} time", place=place(series.market))
    if currency is None:
        return tr("{code}: inflow less outflow, {zone}", code=series.code, zone=zone)
    return tr(
        "{code}: inflow less outflow in {currency}, {zone}",
        code=series.code,
        currency=currency,
        zone=zone,
    )
