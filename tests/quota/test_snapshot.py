"""How a shared quota stands, as somebody sees it who does not use it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aiocapdist import QuotaUnavailable
from aiocapdist.quota._core.quota import CAPITAL_DISTRIBUTION as CALL
from aiocapdist.quota._core.snapshot import OwnerInfo, TokenInfo, take_snapshot

if sys.platform == "win32":
    pytest.skip("ledger files need flock", allow_module_level=True)

from aiocapdist.quota._core.store import Demand
from aiocapdist.quota._file import snapshot as file_snapshot
from aiocapdist.quota._file.format import Contents
from aiocapdist.quota._file.owner import Owner, boot_clock, boot_id
from aiocapdist.quota._file.section import Section
from aiocapdist.quota._file.snapshot import program_of, snapshot_of_file
from aiocapdist.quota._file.store import LEASE, FileStore
from aiocapdist.quota._file.tokens import HELD, Token

from ..support.damage import with_last_byte_altered

ME = f"process {os.getpid()}"


def store_at(path: Path, limit: int = 30, period: float = 30.0) -> FileStore:
    return FileStore(path, CALL, limit, period, 0.05)


# ---- sums


def test_sums_and_who_has_most_comes_first() -> None:
    one, other = OwnerInfo("one", "sweep", "alive"), OwnerInfo("other", None, "dead")
    tokens = [
        TokenInfo(owner, held, back_in)
        for owner, held, back_in in ((one, True, 30.0), (other, False, 3.0), (other, False, 9.0))
    ]
    seen = take_snapshot("here", 5, 30.0, tokens=tokens, rejections=7, waiting=1)
    assert (seen.free, seen.held, seen.expiring) == (2, 1, 2)
    assert (seen.next_in, seen.all_back_in, seen.unknown_for) == (0.0, 30.0, 0.0)
    assert (seen.rejections, seen.waiting) == (7, 1)
    first, second = seen.owners
    assert (first.owner, first.held, first.expiring, first.all_back_in) == ("other", 0, 2, 9.0)
    assert (second.owner, second.program, second.presence) == ("one", "sweep", "alive")


def test_where_all_is_spent_the_next_token_is_the_first_that_comes_back() -> None:
    tokens = [TokenInfo(OwnerInfo("one", None, "alive"), False, 9.0), TokenInfo(None, False, 4.0)]
    seen = take_snapshot("here", 2, 30.0, tokens=tokens, rejections=0, waiting=0)
    assert (seen.next_in, seen.all_back_in, seen.unknown_for) == (4.0, 9.0, 0.0)


def test_what_nobody_is_known_to_have_spent_is_a_row_without_a_name() -> None:
    seen = take_snapshot(
        *("here", 2, 30.0),
        tokens=[TokenInfo(None, False, 4.0)] * 2,
        rejections=0,
        waiting=0,
        unknown_for=4.0,
    )
    assert seen.unknown_for == seen.next_in == 4.0
    (nobody,) = seen.owners
    assert (nobody.owner, nobody.presence, nobody.expiring) == (None, None, 2)


def test_where_all_is_free_there_is_no_wait_and_nobody() -> None:
    seen = take_snapshot("here", 2, 30.0, tokens=[], rejections=0, waiting=0)
    assert (seen.free, seen.next_in, seen.all_back_in) == (2, 0.0, 0.0)
    assert seen.owners == []


# ---- a ledger file


def test_held_and_expiring_tokens_of_this_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    store = store_at(path)
    store.acquire(5)
    store.settle(2, time.monotonic())
    store.settle(1, time.monotonic(), rejected=True)
    seen = snapshot_of_file(path)
    assert (seen.where, seen.limit, seen.period) == (str(path), 30, 30.0)
    assert (seen.free, seen.held, seen.expiring, seen.rejections) == (25, 2, 3, 1)
    (mine,) = seen.owners
    assert (mine.owner, mine.presence, mine.held, mine.expiring) == (ME, "alive", 2, 3)
    assert mine.program is not None
    assert seen.next_in == 0.0
    assert 29.0 < seen.all_back_in <= 30.05, "what is held is taken to be answered now"


def test_two_quotas_of_one_process_are_one_holder(tmp_path: Path) -> None:
    one, other = store_at(tmp_path / "ledger"), store_at(tmp_path / "ledger")
    one.acquire()
    other.acquire()
    (mine,) = snapshot_of_file(tmp_path / "ledger").owners
    assert (mine.owner, mine.held) == (ME, 2)


def test_who_waits_is_counted(tmp_path: Path) -> None:
    store = store_at(tmp_path / "ledger")
    store.demand(Demand(eager=1))
    assert snapshot_of_file(tmp_path / "ledger").waiting == 1


def test_looking_changes_nothing_and_needs_no_lock(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "ledger"
    store_at(path).acquire(3)
    before = (path.read_bytes(), path.stat().st_mtime_ns, os.listdir(tmp_path))
    with path.open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)  # by somebody who stopped in the middle
        assert snapshot_of_file(path).held == 3
    assert (path.read_bytes(), path.stat().st_mtime_ns, os.listdir(tmp_path)) == before


def test_a_read_that_meets_a_write_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    store_at(path).acquire(3)
    half = [path.read_bytes()[:100]]
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *asked: half.pop() if half else pread(*asked))
    assert snapshot_of_file(path).held == 3
    assert half == []


def changed(path: Path, change: Callable[[Contents], None]) -> None:
    contents = Contents.unpack(path.read_bytes())
    change(contents)
    path.write_bytes(contents.pack())


def section_of(contents: Contents) -> Section:
    section = contents.section(CALL)
    assert section is not None
    return section


def test_a_holder_of_another_namespace_is_out_of_sight(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    store_at(path).advance(0.0)
    elsewhere = Token(HELD, Owner(os.getpid(), 1, 1, 1), boot_clock() + LEASE)

    def hold_one(contents: Contents) -> None:
        section = section_of(contents)
        section.tokens = [elsewhere, *section.tokens[1:]]

    changed(path, hold_one)
    (holder,) = snapshot_of_file(path).owners
    assert (holder.presence, holder.program) == ("out of sight", None)


def test_what_was_spent_before_a_restart_is_nobodys_and_a_period_old_at_most(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger"
    store_at(path).acquire(3)

    def as_before_a_restart(contents: Contents) -> None:
        contents.boot = bytes(16)
        assert contents.boot != boot_id()

    changed(path, as_before_a_restart)
    before = path.read_bytes()
    seen = snapshot_of_file(path)
    assert seen.held == 0
    assert seen.all_back_in <= 31.0
    assert all(each.owner is None for each in seen.owners)
    assert path.read_bytes() == before


def test_after_damage_it_is_told_how_long_nothing_is_granted(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    store_at(path).acquire(3)
    path.write_bytes(with_last_byte_altered(path.read_bytes()))
    store_at(path).advance(0.0)
    seen = snapshot_of_file(path)
    assert (seen.free, seen.expiring) == (0, 30)
    assert seen.unknown_for == seen.next_in
    assert 140.0 < seen.unknown_for <= LEASE + 31.05


# ---- what is no ledger


def refusal(path: Path) -> str:
    with pytest.raises(QuotaUnavailable) as raised:
        snapshot_of_file(path)
    assert raised.value.where == str(path)
    return f"{raised.value.reason}; {raised.value.hint}"


def test_a_missing_file_is_told_and_not_made(tmp_path: Path) -> None:
    told = refusal(tmp_path / "none")
    assert told == "there is no such file; the first program that uses it creates it"
    assert os.listdir(tmp_path) == []


def test_a_call_without_tokens_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    store_at(path).acquire(3)
    with pytest.raises(QuotaUnavailable, match="it has no tokens of call 3211"):
        snapshot_of_file(path, "3211")


def test_a_file_of_something_else_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("buy milk\n" * 100)
    assert refusal(tmp_path / "notes") == "it holds something else; check the path"
    assert (tmp_path / "notes").read_text() == "buy milk\n" * 100


def test_a_damaged_ledger_is_told_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    store_at(path).acquire(3)
    path.write_bytes(with_last_byte_altered(path.read_bytes()))
    before = path.read_bytes()
    monkeypatch.setattr(file_snapshot, "BETWEEN_READS", 0.0)
    assert refusal(path).startswith("it is damaged: its checksum does not fit; the next program")
    assert path.read_bytes() == before


def test_what_is_no_plain_file_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        assert refusal(path) == "it is no plain file; check the path"


def test_a_path_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    told = refusal(tmp_path / "loop")
    assert told.endswith("; give the path of a file that can be read")
    assert "symbolic links" in told


# ---- programs

needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("/usr/bin/sweeper --key secret", "sweeper"),
        ("/opt/bin/python3.11 /srv/sweep.py secret", "python3.11 sweep.py"),
        ("python -c print('secret')", "python"),
        ("python -m sweeping secret", "python -m sweeping"),
        ("python -m", "python -m"),
        ("python", "python"),
        ("", None),
    ],
)
def test_a_program_is_told_by_its_name_and_not_by_what_may_be_secret(
    line: str, name: str | None
) -> None:
    assert program_of(line.split(" ")) == name


@needs_proc
def test_a_process_that_has_just_ended_has_no_name() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert file_snapshot._program(process.pid) is None


@needs_proc
def test_a_killed_holder_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    program = f"""
import sys, time
from pathlib import Path
from aiocapdist.quota._file.store import FileStore
FileStore(Path({str(path)!r}), {CALL!r}, 30, 30.0, 0.05).acquire(4)
print("taken", flush=True)
sys.stdin.read()
"""
    command, pipe = [sys.executable, "-c", program], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        (living,) = snapshot_of_file(path).owners
        process.kill()
        process.wait()
        (dead,) = snapshot_of_file(path).owners
    assert (living.presence, living.held) == ("alive", 4)
    assert (dead.owner, dead.presence, dead.program) == (living.owner, "dead", None)
    assert dead.held == 4, "until another notices"
