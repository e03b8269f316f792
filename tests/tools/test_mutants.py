"""The modules that ``nox -s mutants`` changes exist, and mutmut is told of their folders."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tools.mutants import MODULES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", MODULES)
def test_each_module_exists_and_is_mutated(module: str) -> None:
    path = Path("src/aiocapdist", module.replace(".", "/") + ".py")
    assert (ROOT / path).is_file()
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    assert any(path.match(pattern) for pattern in options["only_mutate"])
