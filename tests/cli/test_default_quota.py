"""Without a quota option, runs of the command share a file of the user's own for that OpenD."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from aiocapdist.cli.app import run
from aiocapdist.cli.options import default_quota_file

from .processes import run_here, simulator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ledger files need flock")


def codes(count: int) -> list[str]:
    return [f"HK.{n:05d}" for n in range(1, count + 1)]


def test_two_runs_spend_from_one_file(
    state_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with simulator() as opend:
        address = ("--address", f"127.0.0.1:{opend.port}")
        assert run(["get", *codes(2), *address]) == 0
        assert run(["get", *codes(3), *address]) == 0
        path = default_quota_file(address[1])
        capsys.readouterr()
        assert run(["quota", *address]) == 0
    assert path is not None
    assert path.is_relative_to(state_folder)
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"{path}: 30 calls in 30 s",
        "25 free, 0 held, 5 expiring; 0 waiting; 0 rejected so far",
    ]
    if os.name == "posix":
        assert path.parent.stat().st_mode & 0o077 == 0, "others can read it"


def test_the_file_is_that_of_the_address() -> None:
    local = default_quota_file("127.0.0.1")
    assert local is not None
    for same in ("127.0.0.1:11111", "localhost", "LOCALHOST:11111", "tcp://[::1]:11111", "::1"):
        assert default_quota_file(same) == local
    others = (
        "127.0.0.1:11112",
        "10.0.0.1",
        "10.0.0.1:1",
        "ws://10.0.0.1",
        "a.b",
        "a_b",
        "fe80::1%eth0",
    )
    paths = {default_quota_file(other) for other in others}
    assert len(paths) == len(others)
    assert local not in paths


def test_the_path_has_no_characters_of_the_address_that_files_must_not_have() -> None:
    path = default_quota_file("tcp://a%2f..%2fb:1")
    assert path is not None
    assert path.parent == (default_quota_file("x") or path).parent


def test_quota_none_creates_no_file(state_folder: Path) -> None:
    with simulator() as opend:
        address = ("--address", f"127.0.0.1:{opend.port}")
        assert run(["get", "HK.00001", "--quota", "none", *address]) == 0
    assert not list(state_folder.rglob("*"))


def test_a_simulated_run_creates_no_file(state_folder: Path) -> None:
    assert run(["get", "HK.00001", "--simulate"]) == 0
    assert not list(state_folder.rglob("*"))


def test_a_folder_that_cannot_be_made_is_reported_and_costs_no_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(file))
    with simulator() as opend:
        address = ("--address", f"127.0.0.1:{opend.port}", "--format", "jsonl")
        code, out, err = run_here("get", "HK.00001", *address)
    assert (code, out.count("\n")) == (0, 1)
    assert err == (
        f"aiocapdist: no quota file in {file}/aiocapdist/quota (Not a directory): "
        "this run counts its own calls alone\n"
    )


def test_a_default_file_that_cannot_be_used_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with simulator() as opend:
        address = f"127.0.0.1:{opend.port}"
        path = default_quota_file(address)
        assert path is not None
        path.parent.mkdir(parents=True)
        path.write_text("something else")
        assert run(["get", "HK.00001", "--address", address]) == 3
    assert path.read_text() == "something else"
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"aiocapdist: the quota at {path} cannot be used: ")
    assert lines[1:] == ["aiocapdist: to count the calls of this run alone, add --quota none"]


@pytest.mark.parametrize("option", ["--quota-file x", "--quota-redis redis://x", "--quota-key x"])
def test_quota_none_excludes_the_other_options(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["get", "HK.00001", "--quota", "none", *option.split()]) == 2
    assert "--quota none" in capsys.readouterr().err


def test_quota_none_overrides_the_server_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIOCAPDIST_REDIS", "redis://nobody.invalid")
    with simulator() as opend:
        address = ("--address", f"127.0.0.1:{opend.port}")
        assert run(["get", "HK.00001", "--quota", "none", *address]) == 0


def test_without_a_file_yet_quota_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quota"]) == 3
    assert "127.0.0.1_11111.quota cannot be used: there is no such file" in capsys.readouterr().err


def test_quota_shows_the_file_of_the_opend_in_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOCAPDIST_ADDRESS", "tcp://a:5")
    assert run(["quota"]) == 3
    assert run(["quota", "--host", "b", "--port", "6"]) == 3
    first, second = capsys.readouterr().err.splitlines()
    assert "/a_5.quota cannot be used" in first
    assert "/b_6.quota cannot be used" in second
