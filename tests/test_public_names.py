"""The package's public names: listed once, loaded when used, shown under the package's name."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pickle
import py_compile
import subprocess
import sys
import typing
import zipfile
from pathlib import Path

import pytest

import aiocapdist

FACE = Path(aiocapdist.__file__)
PUBLIC: list[str] = vars(aiocapdist)["__all__"]
CLASSES = [value for name in PUBLIC if inspect.isclass(value := getattr(aiocapdist, name))]


def run(program: str, *options: str, path: Path = FACE.parents[1]) -> str:
    """Run a program in a fresh interpreter and return what it prints."""
    # Unmeasured: coverage could not find the source of copies afterwards.
    env = {name: value for name, value in os.environ.items() if "COV" not in name}
    code = f"import sys; sys.path.insert(0, {str(path)!r}); {program}"
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def imports_of_the_face() -> list[tuple[str, str]]:
    """The module and name of each import below the TYPE_CHECKING line, as Python reads it."""
    (block,) = [node for node in ast.parse(FACE.read_text("utf-8")).body if type(node) is ast.If]
    nodes = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(nodes) == len(block.body)
    assert all(alias.asname == alias.name for node in nodes for alias in node.names)
    return [(node.module or "", alias.name) for node in nodes for alias in node.names]


def test_the_names_that_are_served_are_those_that_a_type_checker_sees() -> None:
    names = [name for module, name in imports_of_the_face() if module]
    submodules = [name for module, name in imports_of_the_face() if not module]
    assert sorted(names) == PUBLIC
    assert set(dir(aiocapdist)) >= {*names, *submodules, "__version__"}
    for name in names:
        assert getattr(aiocapdist, name).__name__ == name
    for name in submodules:
        assert getattr(aiocapdist, name) is importlib.import_module(f"aiocapdist.{name}")


@pytest.mark.parametrize(
    "name",
    [
        *("Client", "FileQuota", "RedisQuota", "Simulator", "connect", "__version__"),
        *("quota.FileQuota", "quota.RedisQuota", "simulator.Simulator", "errors.ConnectError"),
    ],
)
def test_a_name_is_there_after_a_bare_import(name: str) -> None:
    assert run(f"import aiocapdist; print(bool(aiocapdist.{name}))") == "True"


def test_the_version_is_that_of_the_installed_package() -> None:
    assert aiocapdist.__version__ == importlib.metadata.version("aiocapdist")


def test_importing_the_package_loads_no_other_module() -> None:
    program = "before = set(sys.modules); import aiocapdist; print(set(sys.modules) - before)"
    loaded = ast.literal_eval(run(program, "-S"))
    assert loaded == {"aiocapdist", "aiocapdist._lazy"}


def test_an_unknown_name_loads_nothing() -> None:
    program = (
        "import aiocapdist; before = set(sys.modules); hasattr(aiocapdist, 'pytest_plugins'); "
        "print(set(sys.modules) - before)"
    )
    assert run(program) == "set()"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_class_names_a_public_module_and_is_pickled_by_it(kind: type) -> None:
    assert kind.__module__ in ("aiocapdist", "aiocapdist.quota", "aiocapdist.simulator")
    assert getattr(importlib.import_module(kind.__module__), kind.__name__) is kind
    assert pickle.loads(pickle.dumps(kind)) is kind


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_annotations_of_a_class_can_be_evaluated(kind: type) -> None:
    typing.get_type_hints(kind)


@pytest.mark.parametrize(
    "program",
    [
        "import aiocapdist; aiocapdist.{name}; print(aiocapdist.{module}.{name})",
        "from aiocapdist.{module} import {name}; print({name})",
        "from aiocapdist import Client; from aiocapdist.{module} import {name}; print({name})",
    ],
)
@pytest.mark.parametrize(
    ("module", "name", "shown"),
    [
        ("errors", "ConnectError", "aiocapdist.ConnectError"),
        ("events", "Connected", "aiocapdist.Connected"),
        ("models", "Status", "aiocapdist.Status"),
        ("quota", "FileQuota", "aiocapdist.quota.FileQuota"),
        ("simulator", "Simulator", "aiocapdist.simulator.Simulator"),
    ],
)
def test_what_a_class_is_called_does_not_depend_on_how_it_was_imported(
    program: str, module: str, name: str, shown: str
) -> None:
    assert run(program.format(module=module, name=name)) == f"<class '{shown}'>"


def test_names_load_lazily_from_a_zip_file(tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as package:
        for source in FACE.parent.rglob("*.py"):
            package.write(source, source.relative_to(FACE.parents[1]))
    program = (
        "import aiocapdist; print('aiocapdist.errors' in sys.modules, aiocapdist.ConnectError)"
    )
    assert run(program, path=archive) == "False <class 'aiocapdist.ConnectError'>"


def test_without_its_source_the_package_loads_everything_at_once(tmp_path: Path) -> None:
    for source in FACE.parent.rglob("*.py"):
        compiled = (tmp_path / source.relative_to(FACE.parents[1])).with_suffix(".pyc")
        py_compile.compile(str(source), str(compiled), doraise=True)
    program = (
        "import aiocapdist; print('aiocapdist.errors' in sys.modules, aiocapdist.ConnectError)"
    )
    assert run(program, path=tmp_path) == "True <class 'aiocapdist.ConnectError'>"
