"""Help: the parser's panels, in the language in use, without line breaks of the sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cyclopts.help import DefaultFormatter
from rich.text import Text

from .language import tr

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions


NO_DEFAULTS = ("False", "()")
"""Defaults of options that are off or empty unless given: not worth a word."""


class HelpFormatter(DefaultFormatter):
    """Draws help as the parser does, in the language in use."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Draw one panel."""
        entries = [_translated(entry) for entry in panel.entries]
        super().__call__(console, options, panel.copy(title=tr(str(panel.title)), entries=entries))

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:
        """Draw the line of usage."""
        console.print(Text(tr("Usage: {usage}", usage=_usage(usage)) + "\n", "bold"))

    def render_description(
        self, console: Console, options: ConsoleOptions, description: Any
    ) -> None:
        """Draw the paragraphs about a command."""
        paragraphs = _plain(description).strip().split("\n\n")
        console.print("\n\n".join(map(tr, paragraphs)) + "\n", markup=False, highlight=False)


def _translated(entry: HelpEntry) -> HelpEntry:
    notes = [tr(" ".join(_plain(entry.description).split()))]
    if entry.choices:
        notes.append(tr("[choices: {choices}]", choices=", ".join(entry.choices)))
    if entry.env_var:
        notes.append(tr("[env var: {names}]", names=", ".join(entry.env_var)))
    if entry.default not in (None, *NO_DEFAULTS):
        notes.append(tr("[default: {default}]", default=entry.default))
    text = Text(" ".join(filter(None, notes)))
    return entry.copy(description=text, choices=None, env_var=None, default=None)


def _usage(usage: object) -> str:
    return _plain(usage).strip().removeprefix("Usage: ")


def _plain(text: object) -> str:
    """Return the text that a renderable shows; those of the parser are of one text."""
    return str(getattr(text, "primary_renderable", text) or "").strip()
