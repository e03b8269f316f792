"""What the command line says in English: all texts that it translates."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import get_args

import aiocapdist
from aiocapdist.cli.app import app
from aiocapdist.cli.doctor.probe.exchange import Answer
from aiocapdist.cli.doctor.probe.samples import sample_codes
from aiocapdist.cli.drawing import ZONES
from aiocapdist.cli.help import HELP
from aiocapdist.events import ProgramStatus
from aiocapdist.models import MarketState
from aiocapdist.quota._core.snapshot import Presence

PACKAGE = Path(aiocapdist.__file__).parent
SOURCES = sorted((PACKAGE / "cli").rglob("*.py"))
CATALOGUE = PACKAGE / "cli" / "locale" / "zh_CN.json"
FUNCTIONS = {"tr": (0,), "mark": (0,), "tr_count": (1, 2), "Column": (0,)}
"""Which of their arguments are texts, if they are literals."""
PANELS = {"Commands", "Arguments", "Parameters"}
FLAGS = {"Display this message and exit.", "Display application version."}


def messages() -> set[str]:
    """Return all texts: those of the sources, of help, and names that values have."""
    found = {text for path in SOURCES for text in _literals(path)}
    return found | {*_help(), *_names(), *_logged()}


def _literals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        for index in FUNCTIONS.get(node.func.id, ()):
            yield from _strings(node.args[index] if index < len(node.args) else None)


def _strings(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_strings(node.body), *_strings(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value


def _help() -> Iterator[str]:
    yield from PANELS | FLAGS
    yield app.help
    for name, paragraphs in HELP.items():
        yield from paragraphs
        for each in (app[name], app.meta):
            for argument in each.assemble_argument_collection(parse_docstring=True):
                if argument.parameter.help:
                    yield " ".join(argument.parameter.help.split())


def _names() -> Iterator[str]:
    for state in (*MarketState, *ProgramStatus):
        yield state.name.lower().replace("_", " ")
    yield from (*get_args(Presence), *get_args(Answer))
    yield from (zone.rpartition("/")[2].replace("_", " ") for zone in ZONES.values())
    yield from (f"{kind} codes" for kind in (*sample_codes(date(2026, 11, 27)), "crypto"))
    yield from ("ok", "warning", "failed", "skipped")


def _logged() -> Iterator[str]:
    """Yield what the library logs, which commands report."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.is_relative_to(PACKAGE / "cli"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("exception", "error", "warning", "log")
                and ast.unparse(node.func.value) in ("log", "logger")
            ):
                text = node.args[1 if node.func.attr == "log" else 0]
                if isinstance(text, ast.Name):
                    yield from _assigned(tree, text.id)
                yield from (each for each in _strings(text) if each != "%s")


def _assigned(tree: ast.Module, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            yield from _strings(node.value)


def catalogue() -> dict[str, str]:
    """Return the Chinese catalogue."""
    found: dict[str, str] = json.loads(CATALOGUE.read_text("utf-8"))
    return found
