"""All checks, each in an environment of its own: ``nox`` runs the usual ones, ``nox -l`` lists."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"
nox.options.sessions = [
    *("lint", "types", "protos", "tests", "coverage", "interop", "docs", "instructions"),
]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
EXTRAS = "cli,redis,secure,ws"
GENERATED = Path("src/aiocapdist/_pb")


def group(session: nox.Session, name: str, *more: str) -> None:
    """Install a dependency group of pyproject.toml, and more."""
    session.install("-q", *nox.project.dependency_groups(PYPROJECT, name), *more)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, layout, and that imports point down only."""
    group(session, "lint", "-e", ".")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check", "--diff")
    session.run("lint-imports", "--no-logo")


@nox.session
def types(session: nox.Session) -> None:
    """mypy strict, and every public name typed as seen from outside."""
    group(session, "types", "-e", f".[{EXTRAS}]", "trio")
    session.run("mypy")
    # Two snippets are about packages that are not installed here.
    session.run("mypy", "docs/snippets", "--exclude", "in_fastapi|vendors_classes")
    # Else it asks the network whether there is a newer pyright.
    quiet = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    session.run("pyright", env=quiet)
    session.run("pyright", "--verifytypes", "aiocapdist", "--ignoreexternal", env=quiet)


@nox.session
def protos(session: nox.Session) -> None:
    """Generate ``_pb`` anew and fail on a difference; ``-- --write`` takes it over."""
    group(session, "protos")
    out = Path(session.create_tmp())
    shutil.rmtree(out / "aiocapdist", ignore_errors=True)
    sources = sorted(map(str, Path("protos/aiocapdist/_pb").glob("*.proto")))
    session.run(
        *("python", "-m", "grpc_tools.protoc", "-I", "protos"),
        *(f"--python_out={out}", f"--pyi_out={out}", *sources),
    )
    made = out / "aiocapdist" / "_pb"
    if "--write" in session.posargs:
        for path in made.iterdir():
            shutil.copy(path, GENERATED)
    names = {path.name for path in made.iterdir()}
    names |= {path.name for path in GENERATED.glob("*_pb2.py*")}
    _, differing, missing = filecmp.cmpfiles(made, GENERATED, sorted(names), shallow=False)
    if differing or missing:
        session.error(f"run nox -s protos -- --write; not up to date: {differing + missing}")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests, with coverage; arguments go to pytest."""
    session.install("-q", "-e", ".[test]")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """What the tests of all Pythons reached: 95 %, and every branch of the pure parts."""
    session.install("-q", "coverage")
    session.run("coverage", "combine")
    session.run("coverage", "report")
    pure = "*/aiocapdist/_protocol/*,*/aiocapdist/quota/*,*/aiocapdist/quota/_*/*"
    session.run("coverage", "report", f"--include={pure}", "--fail-under=100")


@nox.session
def interop(session: nox.Session) -> None:
    """The vendor's own client against the simulator."""
    session.install("-q", "-e", ".[test]")
    session.run("pytest", "tests/interop", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages with warnings as errors, and run every snippet in them."""
    group(session, "docs", "-e", ".[test]")
    session.run("sphinx-build", "-W", "--keep-going", "-E", "-q", "docs", "docs/_build/html")
    session.run("pytest", "-q", "tests/docs", *session.posargs)


@nox.session
def instructions(session: nox.Session) -> None:
    """The pure parts cost no more machine instructions than their baseline; needs valgrind."""
    session.install("-q", "-e", ".[test]")
    session.run("python", "-m", "benchmarks.instructions", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Side by side with the vendor's client, in one run: ratios, spread and machine."""
    session.install("-q", "-e", ".[test,plot]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Each fuzz target under atheris: ``-- [TARGET…] [--seconds N]``, 60 for each if not told."""
    group(session, "fuzz", "-e", ".[test]")
    session.run("python", "-m", "tools.fuzz", *session.posargs)


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Change the pure parts in every small way; tests must notice nine in ten. An hour or two."""
    group(session, "mutants", "-e", ".[test]")
    session.run("python", "-m", "tools.mutants", *session.posargs)


@nox.session(default=False)
def planted(session: nox.Session) -> None:
    """Plant eight known bugs of other clients, one at a time: tests must reject each."""
    session.install("-q", "-e", ".[test]")
    session.run("python", "-m", "tools.planted", *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Calls, losses, faults and cancels: does anything leak? ``-- --minutes 60``; 2 if not told."""
    session.install("-q", "-e", ".[test]")
    session.run("python", "-W", "error", "-m", "tools.soak", *session.posargs)
