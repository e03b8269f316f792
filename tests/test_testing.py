"""The pytest plugin, used as users do: in runs of pytest of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import aiocapdist

PACKAGE = Path(aiocapdist.__file__).parent
ROOT = PACKAGE.parents[1]
WITH_PLUGIN = ("-p", "aiocapdist.testing")


def run(
    folder: Path,
    *options: str,
    path: Path = PACKAGE.parent,
    variables: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the tests in a folder. Without other plugins, unless options load them."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", "utf-8")
    search = [str(path), *(each for each in sys.path if each and each != str(PACKAGE.parent))]
    env = {name: value for name, value in os.environ.items() if "COV" not in name}
    env |= {"PYTHONPATH": os.pathsep.join(search), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=env | (variables or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def passed(folder: Path, test: str, *options: str) -> str:
    """Run one file of tests, which must pass; return pytest's last line."""
    (folder / "test_users.py").write_text(test, "utf-8")
    done = run(folder, *WITH_PLUGIN, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


PLAIN = """
import aiocapdist, pytest
from aiocapdist import sync

@pytest.mark.parametrize("n", range(3))
def test_each_test_has_its_own(opend, n):
    assert opend.codes == [] and opend.connections == 0
    with sync.connect() as client:
        assert client.capital_distribution("HK.00700").code == "HK.00700"
        assert client.quota.available == 29
        assert opend.connections == 1
    assert opend.codes == ["HK.00700"]
    assert opend.requests[0].proto_id == 1001

def test_it_can_go_away_and_come_back(opend):
    with sync.connect(opend.address, reconnect_timeout=20.0) as client:
        events = client.events()
        opend.go_away()
        with pytest.raises(aiocapdist.ConnectError):
            sync.connect(opend.address)
        opend.come_back()
        opend.disconnect_all()
        while not isinstance(next(events), aiocapdist.Disconnected):
            pass
        assert client.capital_distribution("HK.00700").code == "HK.00700"
    assert "127.0.0.1" in repr(opend)
"""


def test_plain_tests(tmp_path: Path) -> None:
    assert passed(tmp_path, PLAIN).startswith("4 passed")


ASYNC = """
import aiocapdist, pytest
{mark}
@pytest.mark.opend(websocket=True)
async def test_mine(opend):
    async with aiocapdist.connect() as client:
        assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
        opend.disconnect_all()
        assert (await client.capital_distribution("HK.00005")).code == "HK.00005"
    assert opend.codes == ["HK.00700", "HK.00005"]
    assert opend.websocket_port
"""
RUNNERS = {
    "pytest_asyncio": ("pytest_asyncio.plugin", "@pytest.mark.asyncio", 1),
    "anyio": ("anyio.pytest_plugin", "@pytest.mark.anyio", 2),
    "pytest_trio": ("pytest_trio.plugin", "@pytest.mark.trio", 1),
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_async_tests_of_each_kind(runner: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(runner) is None:
        pytest.skip(f"{runner} is not installed")
    plugin, mark, count = RUNNERS[runner]
    options = ["-p", plugin]
    if runner == "pytest_asyncio":
        options += ["-o", "asyncio_default_fixture_loop_scope=function"]
    assert passed(tmp_path, ASYNC.format(mark=mark), *options).startswith(f"{count} passed")


MARKED = """
import aiocapdist, pytest
from aiocapdist import CapitalDistribution, Market, sync
from aiocapdist.simulator import Fault, Faults

names = [f"{side}_{tier}" for side in ("in", "out") for tier in ("big", "mid", "small")]
amounts = {f"capital_{name}": 1.0 for name in names}
mine = CapitalDistribution(code="HK.00700", market=Market.HK, **amounts)
pytestmark = pytest.mark.opend(quota=(2, 600.0), figures={"HK.00700": mine})

def ask(code="HK.00700", timeout=20.0, **options):
    quota = aiocapdist.Quota(1000, 1.0)
    with sync.connect(attempts=1, quota=quota, **options) as client:
        return client.capital_distribution(code, timeout=timeout)

def test_figures_can_be_given(opend):
    assert ask() == mine
    with pytest.raises(aiocapdist.UnknownSecurity):
        ask("HK.00005")

@pytest.mark.opend(figures=lambda code: mine.model_copy(update={"capital_in_big": 7.0}))
def test_the_nearest_marker_wins_and_others_add(opend):
    assert ask("HK.00005").capital_in_big == 7.0
    ask("HK.00005")
    with pytest.raises(aiocapdist.RequestTimeout):
        ask("HK.00005", timeout=1.0)
    assert opend.largest_window == 2

@pytest.mark.parametrize("n", range(2))
@pytest.mark.opend(faults=[Fault.DROP])
def test_a_script_of_faults_begins_anew(opend, n):
    with pytest.raises(aiocapdist.RequestTimeout):
        ask(request_timeout=0.2)
    assert ask() == mine

@pytest.mark.parametrize("n", range(2))
@pytest.mark.opend(faults=Faults(script=[Fault.CLOSE]))
def test_faults_begin_anew(opend, n):
    with pytest.raises(aiocapdist.ConnectionLost):
        ask()
    assert ask() == mine

@pytest.mark.opend(faults={Fault.BAD_PROTOBUF: 1.0})
def test_rates_of_faults(opend):
    with pytest.raises(aiocapdist.ProtocolError):
        ask()
"""


def test_markers_say_how_opend_behaves(tmp_path: Path) -> None:
    assert passed(tmp_path, MARKED, "--strict-markers").startswith("7 passed")


WRONG = """
import pytest

@pytest.mark.opend((5, 0.2))
def test_positional(opend):
    pass

@pytest.mark.opend(speeed=3)
def test_misspelt(opend):
    pass
"""


def test_wrong_markers_are_errors_of_their_tests(tmp_path: Path) -> None:
    (tmp_path / "test_users.py").write_text(WRONG, "utf-8")
    done = run(tmp_path, *WITH_PLUGIN)
    assert "pytest.mark.opend takes arguments of Simulator by name" in done.stdout
    assert "unexpected keyword argument 'speeed'" in done.stdout


ENVIRONMENT = """
import os

def test_before():
    assert os.environ["AIOCAPDIST_ADDRESS"] == "tcp://mine:1"

def test_with(opend):
    assert os.environ["AIOCAPDIST_ADDRESS"] == opend.address
    assert "AIOCAPDIST_REDIS" not in os.environ and "FUTU_OPEND_PORT" not in os.environ

def test_after():
    assert os.environ["AIOCAPDIST_ADDRESS"] == "tcp://mine:1"
    assert os.environ["AIOCAPDIST_REDIS"] == "redis://mine"
"""


def test_the_real_opend_is_out_of_reach_for_tests_that_use_it(tmp_path: Path) -> None:
    (tmp_path / "test_users.py").write_text(ENVIRONMENT, "utf-8")
    mine = {"AIOCAPDIST_ADDRESS": "tcp://mine:1", "AIOCAPDIST_REDIS": "redis://mine"}
    done = run(tmp_path, *WITH_PLUGIN, variables={"FUTU_OPEND_PORT": "1", **mine})
    assert done.stdout.splitlines()[-1].startswith("3 passed"), done.stdout


# ---- as it is found where the package is installed

UNUSED = """
import sys

def test_what_the_plugin_loads_where_nobody_uses_it():
    mine = {name for name in sys.modules if name.split(".")[0] == "aiocapdist"}
    assert mine == {"aiocapdist", "aiocapdist._lazy", "aiocapdist.testing"}
    assert not {"anyio", "asyncio", "pydantic", "google.protobuf"} & set(sys.modules)
"""
USED = """
import sys

def test_the_package_is_loaded_as_it_is(opend):
    import aiocapdist.models, aiocapdist.quota, aiocapdist.sync
    aiocapdist.sync.connect().close()
    left = {"aiocapdist", "aiocapdist._lazy", "aiocapdist.testing"}
    loaders = {
        type(module.__loader__).__name__
        for name, module in list(sys.modules.items())
        if name.split(".")[0] == "aiocapdist" and name not in left
    }
    assert loaders == {"SourceFileLoader"}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the package and its metadata, as an installed wheel has them."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    site = tmp_path / "site"
    shutil.copytree(PACKAGE, site / "aiocapdist")  # with its compiled files
    info = site / f"aiocapdist-{aiocapdist.__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: aiocapdist\nVersion: {aiocapdist.__version__}\n", "utf-8"
    )
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    files = [path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files), "utf-8")
    return site


@pytest.mark.parametrize("options", [(), WITH_PLUGIN], ids=["found", "named too"])
@pytest.mark.parametrize("test", [UNUSED, USED], ids=["unused", "used"])
def test_an_installed_package_brings_it_and_costs_nothing(
    test: str, options: tuple[str, ...], site: Path, tmp_path: Path
) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_users.py").write_text(test, "utf-8")
    # Only this distribution's plugins: others load packages of their own.
    (tests / "conftest.py").write_text("", "utf-8")
    others = [f"-pno:{name}" for name in ("anyio", "asyncio", "hypothesispytest", "trio", "xdist")]
    done = run(
        tests, *options, *others, path=site, variables={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": ""}
    )
    assert done.stdout.splitlines()[-1].startswith("1 passed"), done.stdout + done.stderr
