"""SECURITY.md names a test for each answer: the tests exist, and its numbers are right."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache

import pytest

from .pages import ROOT, rows

TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
HEAD, *THREATS = rows(TEXT)
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names that a test file defines: functions, classes and assigned names."""
    body = ast.parse((ROOT / path).read_text("utf-8")).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {node.name for node in body if isinstance(node, ast.AsyncFunctionDef)}
    for node in body:
        if isinstance(node, ast.Assign):
            defined |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(defined)


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[0])
def test_each_threat_has_an_answer_and_existing_tests(row: list[str]) -> None:
    _, answer, tests = row
    assert answer
    nodes = NODE.findall(tests)
    assert nodes
    # Nothing else stands in that column: text that is not read would not be checked.
    assert not NODE.sub("", tests).strip()
    for path, name in nodes:
        assert re.match("test_|Test", name)
        assert (ROOT / path).is_file(), path
        assert name in names_in(path), f"{path}::{name}"


def test_the_table_has_its_columns_and_rows() -> None:
    assert HEAD == ["threat", "answer", "test"]
    assert len(THREATS) >= 19


def test_three_packages_are_needed_at_run_time() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[^\w-]", each, maxsplit=1)[0] for each in project["dependencies"]}
    assert names == {"anyio", "protobuf", "pydantic"}


def test_each_generated_module_has_its_source() -> None:
    sources = {path.stem for path in (ROOT / "protos").rglob("*.proto")}
    made = {path.stem.removesuffix("_pb2") for path in (ROOT / "src").rglob("*_pb2.py")}
    assert made == sources
    assert made
