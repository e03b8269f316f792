"""What a check found: a state, a sentence and, if something is wrong, what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..exit_codes import NOT_REACHED, OK, SOME_FAILED
from ..language import mark, tr

State: TypeAlias = Literal["ok", "warning", "failed", "skipped"]

NAME = mark("name")
PORT = mark("port")
LISTENER = mark("listener")
HANDSHAKE = mark("handshake")
KEY = mark("key")
VERSION = mark("version")
LOGIN = mark("login")
RIGHTS = mark("quote rights")
MARKETS = mark("market states")
CLOCK = mark("clock")
FIGURE = mark("figure")
FRESHNESS = mark("freshness")
QUOTA = mark("quota")
PROBE = mark("probe")

_REACHING = frozenset({NAME, PORT, LISTENER, HANDSHAKE})


@dataclass(frozen=True)
class Finding:
    """The result of one check. ``data`` has the same for programs."""

    check: str
    state: State
    text: str
    advice: str | None = None
    data: Mapping[str, object] | None = None


def exit_code(findings: Iterable[Finding]) -> int:
    """Return the exit code for these findings: a warning is no failure."""
    failed = {finding.check for finding in findings if finding.state == "failed"}
    if failed & _REACHING:
        return NOT_REACHED
    return SOME_FAILED if failed else OK


def summary(findings: Iterable[Finding]) -> str:
    """Return one sentence about all of them."""
    failed = [tr(finding.check) for finding in findings if finding.state == "failed"]
    warned = [tr(finding.check) for finding in findings if finding.state == "warning"]
    if failed:
        return tr("something is wrong: {checks}", checks=tr(", ").join(failed))
    if warned:
        return tr("all works, with warnings: {checks}", checks=tr(", ").join(warned))
    return tr("all is well")
