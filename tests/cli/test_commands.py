"""What holds for all commands that ask OpenD."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiocapdist.cli.app import run
from aiocapdist.cli.help import HELP

from .processes import COMMAND, DEADLINE, run_here, simulator, time_limit_after


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[dict[str, tuple[str, ...]]]:
    """Return a run of each command that asks for one code and ends."""
    with time_limit_after(1):
        yield runs(tmp_path)


def runs(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    return {
        "get": ("get", "HK.00700"),
        "watch": ("watch", "HK.00700", "--timeout", "1"),
        "flow": ("flow", "HK.00700"),
        "record": ("record", "HK.00700", "--timeout", "1", "--output", str(tmp_path / "a.sqlite")),
        "plot": ("plot", "HK.00700", "--output", str(tmp_path / "a.png")),
    }


COMMANDS = ("flow", "get", "plot", "record", "watch")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_environment_says_where_opend_is_and_arguments_win(
    command: str,
    asking: dict[str, tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with simulator() as opend, simulator() as other:
        monkeypatch.setenv("AIOCAPDIST_ADDRESS", f"127.0.0.1:{other.port}")
        assert run([*asking[command], "--port", str(opend.port)]) == 0
        assert other.requests == []
        asked = [request.code for request in opend.requests if request.code]
        assert asked == ["HK.00700"]
        monkeypatch.setenv("FUTU_OPEND_PORT", str(opend.port))
        assert run(asking[command]) == 0
        assert len(other.requests) > 0, "the vendor's variables come second"


@pytest.mark.parametrize("command", COMMANDS)
def test_runs_spend_from_the_users_own_file_for_that_opend(
    command: str, asking: dict[str, tuple[str, ...]], state_folder: Path
) -> None:
    with simulator() as opend:
        address = ("--address", f"127.0.0.1:{opend.port}")
        assert run([*asking[command], *address]) == 0
        files = [path.name for path in state_folder.rglob("*.quota")]
        assert files == [f"127.0.0.1_{opend.port}.quota"]
        assert run([*asking[command], *address, "--quota", "none"]) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_an_absent_opend_is_exit_code_3(
    command: str, asking: dict[str, tuple[str, ...]], tmp_path: Path, closed_port: int
) -> None:
    code, out, err = run_here(*asking[command], "--port", str(closed_port))
    assert (code, out) == (3, "")
    assert f"cannot connect to OpenD at 127.0.0.1:{closed_port}" in err
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_simulator_needs_no_opend(
    command: str, asking: dict[str, tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*asking[command], "--simulate"]) == 0
    assert capsys.readouterr().err.endswith(
        "aiocapdist: these figures are simulated; with OpenD running, leave out --simulate\n"
    )
    assert run([*asking[command], "--simulate", "--port", "5"]) == 2


@pytest.mark.parametrize(
    "arguments", ["watch HK.00700 --every 0.05 --while-closed", "flow HK.00700 --format jsonl"]
)
def test_a_reader_that_leaves_ends_the_command(arguments: str) -> None:
    with simulator(quota=None) as opend:
        where = f"127.0.0.1:{opend.port}"
        command = [*COMMAND, *arguments.split(), "--address", where]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.wait(DEADLINE) == 4
            assert b"its reader closed the pipe" in process.stderr.read()


@pytest.mark.parametrize("width", [30, 40, 80, 200])
@pytest.mark.parametrize("command", sorted(HELP))
def test_help_fits_every_width(
    command: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    assert "[default: False]" not in " ".join(out.split())
