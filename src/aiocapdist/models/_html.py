"""Models as small HTML tables, for notebooks. Without scripts; readable on dark and light.

The models import this module when they are shown; it imports none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

MOST_ROWS = 50
"""Number of rows of a result that are shown."""

MOST_POINTS = 10
"""Number of rows of a flow that are shown."""

LONGEST_TEXT = 200
"""Number of characters of a text that are shown."""

_IN, _OUT = "#3b8bd0", "#c8721d"  # distinct for the colour-blind; contrast 3.5 on white and black
_CELL = "padding:0 0.6em;white-space:nowrap;text-align:"
_TIERS = ("super", "big", "mid", "small")


def figures_html(figures: Any) -> str:
    """Return a table of the tiers, their inflow, outflow and net."""
    nets = {tier: getattr(figures, f"net_{tier}") for tier in _TIERS}
    largest = max(abs(net or 0.0) for net in nets.values())
    body = [
        [
            _text(tier),
            _amount(getattr(figures, f"capital_in_{tier}")),
            _amount(getattr(figures, f"capital_out_{tier}")),
            _amount(net),
            _bar(net, largest),
        ]
        for tier, net in nets.items()
    ]
    total, main = [_text("total")], [_text("main"), _text(""), _text("")]
    total += map(_amount, (figures.capital_in, figures.capital_out, figures.net))
    main += [_amount(figures.main_net), _ratio(figures.main_ratio)]
    made = figures.updated_at or figures.update_time or "time not known"
    head = ["", "in", "out", "net", ""]
    return _table(f"{figures.code}, {made}", head, [*body, [*total, _text("")], main])


def result_html(result: Any) -> str:
    """Return a table with a row for each security, and the errors below."""
    values = list(result)[:MOST_ROWS]
    largest = max((abs(figures.main_ratio or 0.0) for figures in values), default=0.0)
    body = [
        [
            _text(figures.code),
            _amount(figures.net),
            _amount(figures.main_net),
            _ratio(figures.main_ratio),
            _bar(figures.main_ratio, largest),
            _text(figures.updated_at or figures.update_time or ""),
        ]
        for figures in values
    ]
    errors = list(result.errors.items())[:MOST_ROWS]
    body += [
        [_text(code), _text(f"{type(error).__name__}: {error}", span=5)] for code, error in errors
    ]
    hidden = len(result) + len(result.errors) - len(body)
    title = f"securities: {len(result)}, errors: {len(result.errors)}"
    more = f" ({hidden} rows are not shown)" if hidden else ""
    head = ["code", "net", "main net", "main ratio", "", "updated"]
    return _table(title + more, head, body)


def flow_html(flow: Any) -> str:
    """Return a table of the last rows."""
    shown = flow.points[-MOST_POINTS:]
    largest = max((abs(point.in_flow) for point in shown), default=0.0)
    body = [
        [
            _text(point.time or point.at or ""),
            _amount(point.in_flow),
            _bar(point.in_flow, largest),
            _amount(point.super_in_flow),
            _amount(point.big_in_flow),
            _amount(point.mid_in_flow),
            _amount(point.sml_in_flow),
        ]
        for point in shown
    ]
    period = flow.period.name.lower()
    if period == "intraday":
        period += ", cumulative"
    title = f"{flow.code}, {period}: {len(flow.points)} rows"
    if len(shown) < len(flow.points):
        title += f", the last {len(shown)}"
    return _table(title, ["time", "net", "", "super", "big", "mid", "small"], body)


def status_html(status: Any) -> str:
    """Return a table of the fields, those of the round trip included."""
    fields = {name: value for name, value in status if name != "round_trip"}
    if status.round_trip is not None:
        fields |= {f"round_trip.{name}": value for name, value in status.round_trip}
    body = [
        [_text(name), _text("" if value is None else value, decimals=True)]
        for name, value in fields.items()
    ]
    return _table(f"client: {status.state}", [], body)


def _table(title: str, head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    cells = "".join(f'<th style="{_CELL}left">{_escape(name)}</th>' for name in head)
    top = f"<thead><tr>{cells}</tr></thead>" if head else ""
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in body)
    caption = f'<caption style="{_CELL}left">{_escape(title)}</caption>'
    return f'<table style="color:inherit">{caption}{top}<tbody>{rows}</tbody></table>'


def _text(value: object, *, span: int = 1, decimals: bool = False) -> str:
    """Return a cell of text; ``decimals`` cuts a float to six digits."""
    shown = f"{value:.6g}" if decimals and isinstance(value, float) else str(value)
    if span > 1:  # an error's text may be long
        wrapped = f"{_CELL}left;white-space:normal;max-width:50em"
        return f'<td colspan="{span}" style="{wrapped}">{_escape(shown)}</td>'
    return f'<td style="{_CELL}left">{_escape(shown)}</td>'


def _number(text: str) -> str:
    return f'<td style="{_CELL}right;font-variant-numeric:tabular-nums">{text}</td>'


def _amount(amount: float | None) -> str:
    """Return a cell with an amount of up to three decimals."""
    return _number("" if amount is None else f"{amount:,.3f}".rstrip("0").rstrip("."))


def _ratio(ratio: float | None) -> str:
    return _number("" if ratio is None else f"{ratio:+.1%}")


def _bar(amount: float | None, largest: float) -> str:
    """Return a cell with a bar, to the right for an inflow, to the left for an outflow."""
    if amount is None or not largest:
        return _text("")
    share = 100 * min(abs(amount) / largest, 1.0)
    colour, side = (_IN, "") if amount >= 0 else (_OUT, "margin-left:auto;")
    bar = f'<div style="{side}width:{share:.1f}%;height:100%;background:{colour}"></div>'
    left, right = ("", bar) if amount >= 0 else (bar, "")
    return (
        '<td><div aria-hidden="true" style="display:flex;width:8em;height:0.8em">'
        f'<div style="flex:1">{left}</div>'
        f'<div style="flex:1;border-left:1px solid currentColor">{right}</div></div></td>'
    )


def _escape(text: str) -> str:
    """Escape a text from anywhere: control and direction characters are shown as codes."""
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT] + "…"
    return escape("".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in text))
