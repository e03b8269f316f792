"""The pages agree with the sources."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import pytest

import aiocapdist
from aiocapdist import errors
from aiocapdist._connection import environment
from aiocapdist._protocol.state import TRANSITIONS, State, Trigger
from aiocapdist.cli import exit_codes
from aiocapdist.cli.app import app
from aiocapdist.cli.help import HELP

from .pages import DOCS, rows


def page(name: str) -> str:
    """Return the text of the page of this name, whatever section it stands in."""
    [path] = [each for each in DOCS.rglob(f"{name}.md") if "_build" not in each.parts]
    return path.read_text("utf-8")


def error_names(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, errors.AiocapdistError)
    }


def test_every_error_has_a_row_and_the_face_exports_it() -> None:
    told = {row[0].strip("`") for row in rows(page("errors"))[1:]}
    assert told == error_names(errors)
    assert error_names(errors) <= set(vars(aiocapdist)["__all__"])


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Read from the drawing: a name's parent is the nearest one above that is less indented."""
    drawn: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([ │├└─]*)([A-Z]\w+)", line)
        if match is None or match[2] not in error_names(errors):
            continue
        depth, name = len(match[1]), match[2]
        above = [(other, parent) for other, parent in above if other < depth]
        drawn[name] = above[-1][1] if above else None
        above.append((depth, name))
    real = {name: getattr(errors, name).__bases__[0].__name__ for name in error_names(errors)}
    assert drawn == {**real, "AiocapdistError": None}


def test_every_public_name_is_in_the_reference() -> None:
    told = set(re.findall(r"auto(?!module)\w+:: aiocapdist\.(\w+)\b(?!\.)", page("api")))
    assert told | {"Simulator"} == set(vars(aiocapdist)["__all__"])
    assert "autoclass:: aiocapdist.simulator.Simulator" in page("simulator")
    blocking = set(re.findall(r"auto(?!module)\w+:: aiocapdist\.sync\.(\w+)", page("api")))
    assert blocking | {"Iteration"} == set(aiocapdist.sync.__all__)


def test_the_states_are_those_of_the_session() -> None:
    text = page("architecture").partition("session states: begin")[2].partition("<!--")[0]
    expected = [["state", *(trigger.name for trigger in Trigger)]]
    for state in State:
        goals = (TRANSITIONS[state].get(trigger) for trigger in Trigger)
        expected.append([state.name, *(goal.name if goal else "–" for goal in goals)])
    assert rows(text) == expected


def test_every_environment_variable_has_a_row_with_its_argument_and_option() -> None:
    table = rows(page("environment"))[1:]
    told = {row[0].strip("`") for row in table}
    constants = vars(environment).items()
    known = {value for name, value in constants if name.isupper() and name != "DEFAULT_HOST"}
    assert told == known
    arguments = inspect.signature(aiocapdist.connect).parameters
    assert {row[2].strip("`") for row in table} <= set(arguments)
    options = {name for each in app["get"].assemble_argument_collection() for name in each.names}
    assert {row[3].strip("`") for row in table} <= options


def test_exit_codes_are_told() -> None:
    told = page("cli").lower().partition("exit codes")[2]
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}
    assert codes == {0, 1, 2, 3, 4, 130}
    assert {code for code in codes if not re.search(rf"\b{code}\b", told)} == set()


@pytest.mark.parametrize("command", sorted(HELP))
def test_every_command_has_examples_with_options_that_exist(command: str) -> None:
    """The page of options is made from the command itself; this one is written by hand."""
    parameters = app[command].assemble_argument_collection()
    options = {name for each in parameters for name in each.names if name.startswith("--")}
    section = page("cli").partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    examples = re.findall(rf"aiocapdist {command}\b[^\n`]*", section)
    assert examples
    assert set(re.findall(r"--[a-z-]+", " ".join(examples))) <= options | {"--language"}
