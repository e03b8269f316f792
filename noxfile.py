"""All checks, each in an environment of its own: ``nox`` runs the usual ones, ``nox -l`` lists."""

from __future__ import annotations

import filecmp
import re
import shutil
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"
# Each test is run once: by `tests`, and where other packages are installed by `lowest`.
nox.options.sessions = [
    "lint",
    "types",
    "protos",
    "tests",
    "coverage",
    "docs",
    "sdist",
    "lowest",
    "instructions",
]

# Pages that are there in Chinese too.
TRANSLATED = r"index|coming_from_futu_api|programs|concepts/figures|(start|guides)/.*"

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
GENERATED = Path("src/aiocapdist/_pb")


def group(session: nox.Session, name: str, *more: str) -> None:
    """Install a dependency group of pyproject.toml, and more."""
    session.install("-q", *nox.project.dependency_groups(PYPROJECT, name), *more)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style, the layout, and that imports point down only."""
    group(session, "lint", "-e", ".")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check", "--diff")
    session.run("lint-imports", "--no-logo")


@nox.session
def types(session: nox.Session) -> None:
    """Check types: mypy strict, tests too, and every public name as seen from outside."""
    group(session, "types", "-e", ".[test]")
    session.run("mypy")
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
    options = ["-I", "protos", f"--python_out={out}", f"--pyi_out={out}"]
    session.run("python", "-m", "grpc_tools.protoc", *options, *sources)
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
    """Run all tests, with coverage; arguments go to pytest."""
    session.install("-q", "-e", ".[test]")
    session.run("coverage", "run", "-m", "pytest", "-m", "", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Report what the tests of all Pythons reached: 95 %, and every branch of the pure parts."""
    session.install("-q", "coverage")
    session.run("coverage", "combine")
    session.run("coverage", "report")
    pure = "*/aiocapdist/_protocol/*,*/aiocapdist/quota/*,*/aiocapdist/quota/_*/*"
    session.run("coverage", "report", f"--include={pure}", "--fail-under=100")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages with warnings as errors. The tests run every snippet in them."""
    group(session, "docs", "-e", ".[test]")
    build = ["sphinx-build", "-W", "--keep-going", "-E", "-q", "docs"]
    session.run(*build, "docs/_build/html")
    session.run(*build, "-D", "language=zh_CN", "docs/_build/html/zh")
    tests = ["tests/docs/test_site.py", "tests/docs/test_chinese.py"]
    site = {"AIOCAPDIST_SITE": str(Path("docs/_build/html").absolute())}
    session.run("python", "-m", "pytest", "-q", "-n", "2", *tests, env=site)


@nox.session(default=False)
def translations(session: nox.Session) -> None:
    """Write the texts of changed pages into the catalogues in docs/locale, to be translated."""
    group(session, "docs", "-e", ".[test]", "sphinx-intl>=2.3")
    catalogues = Path(session.create_tmp()) / "gettext"
    session.run("sphinx-build", "-E", "-q", "-b", "gettext", "docs", str(catalogues))
    for catalogue in catalogues.rglob("*.pot"):
        page = catalogue.relative_to(catalogues).with_suffix("").as_posix()
        if not re.fullmatch(TRANSLATED, page):
            catalogue.unlink()
    options = ("-d", "docs/locale", "-l", "zh_CN", "-w", "101")
    session.run("sphinx-intl", "update", "-p", str(catalogues), *options)


@nox.session
def sdist(session: nox.Session) -> None:
    """Build the source archive; unpack it, install it and run some of its tests there."""
    group(session, "sdist")
    out = Path(session.create_tmp()).absolute()
    shutil.rmtree(out, ignore_errors=True)
    session.run("python", "-m", "build", "-q", "--sdist", "--outdir", str(out))
    (archive,) = out.glob("*.tar.gz")
    shutil.unpack_archive(archive, out)
    tree = archive.with_suffix("").with_suffix("")
    session.install("-q", f"{tree}[test]")
    session.chdir(tree)
    pytest = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    session.run(*pytest, "--collect-only", "-qq", silent=True)
    names = ("architecture", "pages", "readme", "snippets")
    pages = [f"tests/docs/test_{name}.py" for name in names]
    session.run(*pytest, "tests/test_project.py", *pages, *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests of what meets other packages most with the oldest versions allowed."""
    constraints = Path(session.create_tmp()) / "lowest.txt"
    constraints.write_text("\n".join(lowest_versions()), "utf-8")
    session.install("-q", "-c", str(constraints), "-e", ".[test]")
    session.run("python", "-m", "pip", "freeze", "--exclude-editable")
    rooms = ("_transports", "models", "recording")
    files = (
        "test_frames.py",
        "_protocol/test_golden.py",
        "_client/test_client.py",
        *(f"cli/test_{name}.py" for name in ("live_table", "options", "table", "usage", "watch")),
        *(f"quota/redis/test_{name}.py" for name in ("connecting", "protocols", "script")),
        *(f"web/test_{name}.py" for name in ("lifespan", "metrics", "routes", "stream")),
    )
    names = session.posargs or [f"tests/{name}" for name in (*rooms, *files)]
    session.run("python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *names)


def lowest_versions() -> list[str]:
    """Return a constraint to the lower bound of each package that users install."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    texts = [text for name, of in extras.items() if name not in ("test", "dev") for text in of]
    found = []
    for wanted in map(Requirement, [*project["dependencies"], *texts]):
        if wanted.name == project["name"]:
            continue  # an extra of our own
        (bound,) = [each.version for each in wanted.specifier if each.operator == ">="]
        found.append(f"{wanted.name}=={bound}")
    return sorted(found)


@nox.session
def instructions(session: nox.Session) -> None:
    """Count machine instructions of calls and their parts with valgrind, beside the baseline.

    Fails without valgrind: ``-- --allow-missing`` lets it pass then.
    """
    session.install("-q", "-e", ".[test]")
    session.run("python", "-m", "benchmarks.instructions", *session.posargs)


@nox.session(default=False)
def interop(session: nox.Session) -> None:
    """Run only the tests of the vendor's own clients against the simulator."""
    session.install("-q", "-e", ".[test]")
    session.run("pytest", "-m", "interop", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure beside the vendor's client, in one run: ratios, spread and machine."""
    group(session, "bench", "-e", ".[test]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Run fuzz targets under atheris: ``-- [TARGET…] [--seconds N]``, 60 for each by default."""
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
    """Look for leaks under calls, losses, faults and cancels: ``-- --minutes 60``, else 2."""
    session.install("-q", "-e", ".[test]")
    session.run("python", "-W", "error", "-m", "tools.soak", *session.posargs)
