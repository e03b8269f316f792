"""What a check found: a state, a sentence and, if something is wrong, what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..exit_codes import NOT_REACHED, OK, SOME_FAILED

State: TypeAlias = Literal["ok", "warning", "failed", "skipped"]

NAME = "name"
PORT = "port"
LISTENER = "listener"
HANDSHAKE = "handshake"
KEY = "key"
VERSION = "version"
LOGIN = "login"
RIGHTS = "quote rights"
MARKETS = "market states"
CLOCK = "clock"
FIGURE = "figure"
FRESHNESS = "freshness"
QUOTA = "quota"
PROBE = "probe"

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
    failed = [finding.check for finding in findings if finding.state == "failed"]
    warned = [finding.check for finding in findings if finding.state == "warning"]
    if failed:
        return f"something is wrong: {', '.join(failed)}"
    if warned:
        return f"all works, with warnings: {', '.join(warned)}"
    return "all is well"
