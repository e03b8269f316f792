"""Who lives and who does not: processes that run, ended, were replaced, or are out of sight."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from aiocapdist.quota._file import owner as module
from aiocapdist.quota._file.owner import Owner, boot_clock, boot_id, is_alive, is_visible, new_owner

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


def owner_of(pid: int) -> Owner:
    return new_owner()._replace(pid=pid, started=module._look_up(pid)[1])


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits to be killed."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        yield process
        process.kill()


@pytest.fixture
def no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system on which nothing of that kind can be read."""

    def fail(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(module, "os", SimpleNamespace(**{**vars(os), "open": fail, "stat": fail}))
    monkeypatch.setattr(Path, "read_text", fail)


# ---- owners


def test_two_owners_of_one_process_are_two() -> None:
    one, other = new_owner(), new_owner()
    assert one[:3] == other[:3]
    assert one.pid == os.getpid()
    assert one.instance != other.instance


def test_new_owner_lives() -> None:
    assert is_alive(new_owner())


@needs_proc
def test_it_is_known_when_a_process_started() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    assert 0 < new_owner().started / ticks <= boot_clock()


def test_a_child_lives_until_it_is_killed(child: subprocess.Popen[bytes]) -> None:
    owner = owner_of(child.pid)
    assert is_alive(owner)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    if owner.started:
        assert not is_alive(owner), "dead, if nobody has asked for its end yet"
    child.wait()
    assert not is_alive(owner)


@needs_proc
def test_another_process_with_the_same_number_is_not_the_owner(
    child: subprocess.Popen[bytes],
) -> None:
    owner = owner_of(child.pid)
    assert not is_alive(owner._replace(started=owner.started - 1))


@needs_proc
def test_a_process_that_ends_while_it_is_looked_up_is_dead(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = owner_of(child.pid)

    def ends(*_: object) -> bytes:
        child.kill()
        child.wait()
        raise ProcessLookupError

    monkeypatch.setattr(os, "pread", ends)
    before = len(os.listdir("/proc/self/fd"))
    assert not is_alive(owner)
    assert len(os.listdir("/proc/self/fd")) == before


@needs_proc
def test_a_process_may_have_any_name(tmp_path: Path) -> None:
    program = tmp_path / ") Z 1 (x"
    program.symlink_to(sys.executable)
    process = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        state, started = module._look_up(process.pid)
        assert state not in (None, b"Z")
        assert started >= new_owner().started
        process.kill()


def test_one_in_another_namespace_is_taken_to_live() -> None:
    nobody = new_owner()._replace(pid=2**22 + 1, namespace=1)
    assert not is_visible(nobody)
    assert is_alive(nobody)
    assert is_visible(new_owner())


@pytest.mark.usefixtures("no_proc")
def test_without_proc_a_signal_that_says_nothing_tells(child: subprocess.Popen[bytes]) -> None:
    me = new_owner()
    assert (me.started, me.namespace) == (0, 0)
    assert is_alive(me)
    owner = me._replace(pid=child.pid)
    assert is_alive(owner)
    child.kill()
    child.wait()
    assert not is_alive(owner)


@pytest.mark.usefixtures("no_proc")
def test_one_that_must_not_be_asked_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert is_alive(new_owner())


# ---- clock and boot


def test_the_clock_goes_on_and_is_the_same_in_another_process() -> None:
    before = boot_clock()
    words = "from aiocapdist.quota._file.owner import *; print(boot_clock(), boot_id().hex())"
    said = subprocess.check_output([sys.executable, "-c", words], text=True).split()
    assert before < float(said[0]) < boot_clock()
    assert said[1] == boot_id().hex()
    assert len(boot_id()) == 16


@pytest.mark.usefixtures("no_proc")
def test_where_the_system_does_not_name_its_boot_its_time_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    this = boot_id()
    assert len(this) == 16
    wall, up = time.time(), boot_clock()
    started = round((wall - up) / 64) * 64  # the middle of those that are one
    for wall, up, same in (
        (started, 0.0, True),
        (started + 9e4, 9e4 + 20.0, True),
        (started + 99.0, 1.0, False),
    ):
        monkeypatch.setattr(
            module, "time", SimpleNamespace(time=lambda w=wall: w, clock_gettime=lambda _, u=up: u)
        )
        assert (boot_id() == this) is same


def test_what_is_no_name_of_a_boot_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_: "none\n")
    assert boot_id()[:8] == bytes(8), "a number of minutes"


def test_a_process_of_another_user_that_is_out_of_sight_is_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "_look_up", lambda pid: (None, 0))
    monkeypatch.setattr("os.kill", refuse)
    assert is_alive(new_owner()._replace(pid=1, started=1))
