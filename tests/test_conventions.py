"""What holds for the tests themselves, and for the package's description of itself."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = {
    name: packages
    for name, packages in PROJECT["project"]["optional-dependencies"].items()
    if name not in ("dev", "test")
}
# Not moved yet: what these share belongs into a helper module.
PENDING = {
    "cli/test_escape.py",
    "cli/test_interrupt.py",
    "cli/test_output.py",
    "cli/test_ranking.py",
    "quota/redis/test_losing.py",
    "quota/test_adaptive_limit_exact.py",
    "quota/test_scheduler.py",
}
SETTINGS = settings()  # as a decorator takes them when its module is imported
WHOLE = ("docs", "embedding", "interop", "promises", "stateful", "virtual")
"""Folders whose tests see the library from outside."""


def found_in(
    folders: Iterable[str], find: Callable[[list[ast.AST]], list[str]]
) -> dict[str, list[str]]:
    """Return what is found in each file of these folders; nothing of the others."""
    paths = sorted(path for folder in folders for path in (TESTS / folder).rglob("*.py"))
    found = {
        str(path.relative_to(TESTS)): find(list(ast.walk(ast.parse(path.read_text("utf-8")))))
        for path in paths
    }
    return {path: names for path, names in found.items() if names}


def test_no_test_module_is_imported() -> None:
    def find(nodes: list[ast.AST]) -> list[str]:
        imported = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        last = [name.rpartition(".")[2] for name in imported]
        return [name for name in last if name.startswith("test_") or name == "conftest"]

    assert set(found_in(["."], find)) <= PENDING


def test_private_state_is_seen_in_one_module_only() -> None:
    """tests/support/internals.py, so that a refactoring of the sources changes that one."""
    own = {"self", "cls", "os", "task"}  # the last for asyncio's own

    def find(nodes: list[ast.AST]) -> list[str]:
        attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
        assigned = {
            node.attr
            for node in attributes
            if isinstance(node.value, ast.Name) and node.value.id == "self"
        }
        return [
            ast.unparse(node)
            for node in attributes
            if re.match(r"_[a-z]", node.attr)
            and not (isinstance(node.value, ast.Name) and node.value.id in own)
            and node.attr not in assigned
        ]

    assert found_in(WHOLE, find) == {}


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_has_code_that_uses_it(extra: str) -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    for requirement in EXTRAS[extra]:
        name = re.split(r"[^\w-]", requirement, maxsplit=1)[0].replace("-", "_").lower()
        name = name.removesuffix("_api")  # of opentelemetry-api
        assert re.search(rf"^\s*(?:from|import) {name}\b", sources, re.M), requirement


def test_the_source_archive_holds_everything() -> None:
    """Each file and folder at the top of a checkout, but for what is made there."""
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    made = (".git", *(name.strip("/") for name in ignored), "pyproject.toml", "PKG-INFO")
    listed = {
        path.strip("/") for path in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    }
    top = {path.name for path in ROOT.iterdir()}
    assert {name for name in top if not any(fnmatch(name, one) for one in made)} <= listed
    assert all((ROOT / name).exists() for name in listed)


def test_the_slowest_files_exist() -> None:
    conftest = ast.parse((TESTS / "conftest.py").read_text("utf-8"))
    (names,) = [
        ast.literal_eval(node.value)
        for node in conftest.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SLOWEST_FIRST"
    ]
    assert [name for name in names if not (TESTS / name).is_file()] == []


def test_examples_may_take_as_long_as_a_busy_machine_needs() -> None:
    assert SETTINGS.deadline is None
    assert HealthCheck.too_slow in SETTINGS.suppress_health_check
