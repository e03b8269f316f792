"""Findings as lines for people, and as JSON for programs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .. import version
from ..escape import one_line
from ..language import tr
from ..output import print_json
from ..streams import write
from ..wrapping import wrap
from .findings import Finding, State, summary
from .masking import Masker

_STYLES: dict[State, str] = {
    "ok": "green",
    "warning": "yellow",
    "failed": "bold red",
    "skipped": "bright_black",
}
_STATE_WIDTH = 9
_CHECK_WIDTH = 15
_NARROW = 60
"""Cells of a terminal below which sentences stand on lines of their own."""


class Lines:
    """Prints each finding as it comes: its state as a word, the check, what was found."""

    def __init__(self, masker: Masker) -> None:
        from rich.console import Console

        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        self._masker = masker
        self._begun = False

    def add(self, finding: Finding) -> None:
        """Print one finding; before the first, what the report is about."""
        from rich.cells import set_cell_size
        from rich.text import Text

        if not self._begun:
            self._begun = True
            versions = "aiocapdist {aiocapdist}, Python {python}, {system}".format(**environment())
            write(f"{self._wrapped(versions, 0)}\n\n")

        text = Text(set_cell_size(tr(finding.state), _STATE_WIDTH), _STYLES[finding.state])
        text.append(set_cell_size(tr(finding.check), _CHECK_WIDTH), "not bold default")
        indent = _STATE_WIDTH + _CHECK_WIDTH
        if self._console.width < _NARROW:
            indent = 2
            text.append("\n" + " " * indent)
        text.append(self._wrapped(finding.text, indent), "not bold default")
        if finding.advice:
            text.append("\n" + " " * indent)
            advice = tr("what to do: {advice}", advice=finding.advice)
            text.append(self._wrapped(advice, indent), "not bold default")
        with self._console.capture() as captured:
            self._console.print(text, no_wrap=True, overflow="ignore", crop=False)
        write(captured.get())

    def finish(self, findings: Sequence[Finding]) -> None:
        """Print the summary."""
        write(f"\n{summary(findings)}\n")

    def _wrapped(self, text: str, indent: int) -> str:
        masked = one_line(self._masker.mask(text))
        lines = wrap(masked, max(20, self._console.width - indent - 1))
        return ("\n" + " " * indent).join(lines)


class JsonReport:
    """Prints one object at the end."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker

    def add(self, finding: Finding) -> None:
        """Nothing is printed before the end."""

    def finish(self, findings: Sequence[Finding]) -> None:
        """Print the report."""
        records = [self._masked(asdict(finding)) for finding in findings]
        report = {**environment(), "summary": summary(findings), "findings": records}
        print_json(report, indent=2)

    def _masked(self, value: object) -> object:
        if isinstance(value, str):
            return self._masker.mask(value)
        if isinstance(value, dict):
            return {self._masker.mask(str(key)): self._masked(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(each) for each in value]
        return value


def environment() -> dict[str, str]:
    """Return the versions of this package, of Python and of the system."""
    return {
        "aiocapdist": version(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def hide_home(masker: Masker) -> None:
    """Hide the user's home folder, and with it the user's name."""
    try:
        home = Path.home()
    except RuntimeError:  # there is none
        return
    if home != Path(home.root):
        masker.hide(str(home), "~")
