"""What holds for the tests themselves, and for the package's description of itself."""

from __future__ import annotations

import ast
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

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
WHOLE = ("docs", "embedding", "interop", "promises", "stateful", "virtual")
"""Folders whose tests see the library from outside."""


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (TESTS / folder).rglob("*.py"))


@pytest.mark.parametrize(
    "path",
    [path for path in files(".") if str(path.relative_to(TESTS)) not in PENDING],
    ids=lambda path: str(path.relative_to(TESTS)),
)
def test_no_test_module_is_imported(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [name for name in imported if name.rpartition(".")[2].startswith("test_")] == []
    assert [name for name in imported if name.rpartition(".")[2] == "conftest"] == []


@pytest.mark.parametrize("path", files(*WHOLE), ids=lambda path: str(path.relative_to(TESTS)))
def test_private_state_is_seen_in_one_module_only(path: Path) -> None:
    """tests/support/internals.py, so that a refactoring of the sources changes that one."""
    own = {"self", "cls", "os", "task"}  # the last for asyncio's own
    tree = ast.parse(path.read_text("utf-8"))
    assigned = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    seen = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and re.match(r"_[a-z]", node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id in own)
        and node.attr not in assigned
    ]
    assert seen == []


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
