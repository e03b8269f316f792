"""The ledger's file: made, found, locked, written, and everything that may be in its place."""

from __future__ import annotations

import errno
import fcntl
import gc
import logging
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

import pytest

from aiocapdist import QuotaUnavailable
from aiocapdist.quota._file import ledger_file as module
from aiocapdist.quota._file import opening
from aiocapdist.quota._file.format import Contents, file_size
from aiocapdist.quota._file.ledger_file import LedgerFile
from aiocapdist.quota._file.owner import NOBODY, Owner, boot_clock, boot_id
from aiocapdist.quota._file.section import Section

from ...support.damage import with_last_byte_altered
from ..forks import in_a_fork
from .sections import (
    CALL,
    ONE,
    OTHER,
    PERIOD,
    SPAN,
    THIRD,
    blank,
    contents_at,
    contents_of,
    present,
    put,
    section_at,
    tally,
)

COLD = 151.05


def file_at(path: Path, limit: int = 3, period: float = PERIOD) -> LedgerFile:
    return LedgerFile(path, CALL, limit, period, span=SPAN, cold=COLD)


def take(file: LedgerFile, count: int = 1, owner: Owner = ONE) -> bool:
    until = boot_clock() + COLD
    return file.update(lambda section: section.acquire(count, owner, boot_clock(), until))


def counts(path: Path) -> tuple[int, int, int, int]:
    """Free, held by ONE, held by others, expiring: as the file has it now."""
    return tally(section_at(path), ONE, boot_clock())


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(QuotaUnavailable) as caught:
        act()
    return f"{caught.value.reason}; {caught.value.hint}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture(autouse=True)
def no_descriptor_left() -> Iterator[None]:
    before = set(os.listdir("/dev/fd"))
    yield
    gc.collect()  # errors know the frames that they went through
    assert len(set(os.listdir("/dev/fd")) - before) <= 0


# ---- made and found


def test_it_is_made_when_first_needed_with_all_free(path: Path) -> None:
    file = file_at(path)
    assert not path.exists()
    file.check()
    assert counts(path) == (3, 0, 0, 0)
    assert take(file, 0)
    section, contents = section_at(path), contents_at(path)
    assert (section.limit, section.period, contents.boot) == (3, PERIOD, boot_id())
    assert contents.epoch + boot_clock() == pytest.approx(time.time(), abs=5.0)
    assert path.stat().st_size == file_size(3)
    assert set(os.listdir(path.parent)) == {"ledger", ".ledger.made"}, "no draft is left"


def test_what_one_writes_another_reads(path: Path) -> None:
    one, other = file_at(path), file_at(path)
    assert take(one)
    assert take(other, 1, OTHER)
    assert take(one)
    assert counts(path) == (0, 2, 1, 0)


def test_where_nothing_changes_nothing_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_at(path)
    take(file)
    monkeypatch.setattr(os, "pwrite", lambda *_: pytest.fail("it was written"))
    assert file.update(lambda section: None)


def test_while_nobody_else_writes_it_is_not_read_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_at(path)
    take(file)
    monkeypatch.setattr(Contents, "unpack", lambda _: pytest.fail("it was read"))
    assert take(file)


def test_many_processes_that_make_it_at_once_make_one(path: Path) -> None:
    """Each waits for the other's word, then all begin in the same moment."""
    words = f"""
import sys
from pathlib import Path
from aiocapdist.quota._file.owner import boot_clock, new_owner
from aiocapdist.quota._file.ledger_file import LedgerFile
file = LedgerFile(Path({str(path)!r}), {CALL!r}, 30, 30.0, span=30.05, cold=151.05)
me = new_owner()
print("ready", flush=True)
sys.stdin.readline()
while not file.update(lambda section: section.acquire(3, me, boot_clock(), boot_clock() + 150.0)):
    pass
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    many = [subprocess.Popen([sys.executable, "-c", words], text=True, **pipes) for _ in range(8)]  # type: ignore[call-overload]
    for each in many:
        assert each.stdout.readline() == "ready\n"
    for each in many:
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in many:
        each.communicate()
        assert each.returncode == 0
    section = section_at(path)
    assert len(section.other_owners(ONE, boot_clock())) == 8
    assert tally(section, ONE, boot_clock()) == (6, 0, 24, 0)
    assert set(os.listdir(path.parent)) == {"ledger", ".ledger.made"}


def test_a_process_that_comes_between_looking_and_making_has_made_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    realpath = os.path.realpath

    def meanwhile(asked: Path) -> str:
        monkeypatch.setattr(os.path, "realpath", realpath)
        take(file_at(path), 2, OTHER)
        return realpath(asked)

    monkeypatch.setattr(os.path, "realpath", meanwhile)
    assert take(file_at(path))
    assert counts(path) == (0, 1, 2, 0)
    assert set(os.listdir(path.parent)) == {"ledger", ".ledger.made"}


def test_a_link_that_leads_to_nothing_is_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to("elsewhere/real")
    assert take(file_at(path))
    assert counts(tmp_path / "elsewhere" / "real") == (2, 1, 0, 0)
    assert path.is_symlink()


def test_it_is_let_go_of_and_found_again(path: Path) -> None:
    file = file_at(path)
    take(file)
    file.close()
    file.close()
    take(file_at(path), 1, OTHER)
    take(file)
    assert counts(path) == (0, 2, 1, 0)


# ---- what cannot be used


def foreign(path: Path) -> None:
    path.write_bytes(b"my diary: today I was happy\n" * 40)


def of_more_tokens(path: Path) -> None:
    take(file_at(path, 30))


def of_fewer_tokens(path: Path) -> None:
    take(file_at(path, 2))


def of_another_period(path: Path) -> None:
    take(file_at(path, 3, 31.0))


def of_a_later_version(path: Path) -> None:
    take(file_at(path))
    path.write_bytes(path.read_bytes().replace(b"quota\2", b"quota\3"))


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"aiocapdist quota")
        file.truncate(10**11)


SAME = "give all that share it the same numbers, or another path"
NOT_OURS = [
    (foreign, "it holds something else; give it another path"),
    (of_more_tokens, f"it is for 30 calls in 30 s, not 3 in 30 s; {SAME}"),
    (of_fewer_tokens, f"it is for 2 calls in 30 s, not 3 in 30 s; {SAME}"),
    (of_another_period, f"it is for 3 calls in 31 s, not 3 in 30 s; {SAME}"),
    (
        of_a_later_version,
        "it is of version 3, and this program knows 2; give it another path",
    ),
    (huge, "it is far too large; give it another path"),
]


@pytest.mark.parametrize(("make", "words"), NOT_OURS, ids=[make.__name__ for make, _ in NOT_OURS])
def test_what_is_not_ours_is_told_and_left_as_it_is(
    path: Path, make: Callable[[Path], None], words: str
) -> None:
    def seen() -> tuple[int, int, bytes]:
        with path.open("rb") as file:
            return path.stat().st_size, path.stat().st_mtime_ns, file.read(10**6)

    make(path)
    before = seen()
    file = file_at(path)
    for _ in range(2):
        assert refusal(lambda: take(file)) == words
    assert seen() == before
    with path.open("rb") as other:  # nor is it kept locked
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


CANNOT_BE_WRITTEN = "give the path of a file that can be written"


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = file_at(tmp_path / "none" / "ledger")
    for act in (file.check, lambda: take(file)):
        assert refusal(act) == f"No such file or directory; {CANNOT_BE_WRITTEN}"


def test_a_directory_in_its_place_is_told(tmp_path: Path) -> None:
    assert refusal(file_at(tmp_path).check) == f"Is a directory; {CANNOT_BE_WRITTEN}"
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_may_not_be_written_is_told(path: Path, tmp_path: Path) -> None:
    take(file_at(path))
    path.chmod(0o400)
    assert refusal(file_at(path).check) == f"Permission denied; {CANNOT_BE_WRITTEN}"
    tmp_path.chmod(0o500)
    assert refusal(file_at(tmp_path / "new").check) == f"Permission denied; {CANNOT_BE_WRITTEN}"
    tmp_path.chmod(0o700)


def test_a_link_to_itself_is_told(path: Path) -> None:
    path.symlink_to(path)
    assert refusal(file_at(path).check).endswith(f"symbolic links; {CANNOT_BE_WRITTEN}")


def test_what_is_no_plain_file_is_told_at_once(path: Path) -> None:
    os.mkfifo(path)  # opening it must not wait for somebody at the other end
    for odd in (path, Path("/dev/null")):
        assert refusal(file_at(odd).check) == (
            "it is no plain file; give the path of a file of its own"
        )


def test_a_pipe_that_comes_later_is_told_as_well(path: Path) -> None:
    file = file_at(path)
    take(file)
    path.unlink()
    os.mkfifo(path)
    assert refusal(lambda: take(file)) == f"Illegal seek; {CANNOT_BE_WRITTEN}"


def mounted(monkeypatch: pytest.MonkeyPatch, path: Path, kind: str) -> None:
    """As if the file's device were of this kind, among others."""
    device = path.parent.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    table = (
        "22 27 0:21 / /proc rw shared:5 - proc proc rw\n"
        f"30 1 {number} / /data rw,relatime shared:1 master:2 - {kind} server:/data rw\n"
        f"31 1 {number}1 / /more rw - ext4 /dev/sda rw\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_: table)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_file_that_several_machines_may_reach_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    file = file_at(path)
    mounted(monkeypatch, path, kind)
    assert refusal(file.check) == (
        f"it lies on a network file system ({kind}), and only processes of one machine can "
        "share it; choose a local path, or RedisQuota for several machines"
    )


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "overlay"])
def test_a_local_one_is_not(path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    file = file_at(path)
    mounted(monkeypatch, path, kind)
    file.check()


def test_where_the_system_does_not_tell_it_is_taken_to_be_local(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise FileNotFoundError

    file = file_at(path)
    monkeypatch.setattr(Path, "read_text", fail)
    file.check()
    monkeypatch.setattr(Path, "read_text", lambda *_: "")
    file.check()


# ---- torn


@pytest.mark.parametrize(
    "tear",
    [
        lambda data: data[:5],
        lambda data: data[: len(data) // 2],
        lambda data: data + b"more",
        with_last_byte_altered,
        lambda data: data[:260] + bytes(8) + data[268:],
    ],
    ids=["five bytes", "half", "longer", "last byte", "a hole"],
)
def test_a_torn_ledger_is_told_and_cold_and_then_works_again(
    path: Path, caplog: pytest.LogCaptureFixture, tear: Callable[[bytes], bytes]
) -> None:
    take(file_at(path))
    path.write_bytes(tear(path.read_bytes()))
    file = file_at(path)
    with caplog.at_level(logging.WARNING, "aiocapdist"):
        assert take(file, 3)
    (record,) = caplog.records
    assert f"the ledger {path} is damaged (" in record.message
    assert record.message.endswith("): nothing is granted for 151 s")
    assert file.cold_until == pytest.approx(boot_clock() + COLD, abs=5.0)
    section, now = section_at(path), boot_clock()
    assert path.stat().st_size == file_size(3)
    assert tally(section, ONE, now) == (0, 0, 0, 3)
    assert tally(section, ONE, now + COLD - 5.0) == (0, 0, 0, 3)
    assert tally(section, ONE, now + COLD) == (3, 0, 0, 0)
    assert take(file_at(path))
    assert len(caplog.records) == 1, "it is whole again"


def test_what_is_known_of_a_ledger_that_is_torn_is_not_forgotten(path: Path) -> None:
    file = file_at(path)
    until = boot_clock() + 1000.0
    file.update(lambda section: section.acquire(2, ONE, boot_clock(), until))
    path.write_bytes(path.read_bytes()[:-1])
    assert file.update(lambda section: None)
    assert tally(section_at(path), ONE, boot_clock() + COLD + 1.0) == (1, 2, 0, 0)


def test_one_that_is_damaged_after_something_went_wrong_is_noticed(path: Path) -> None:
    file = file_at(path)
    take(file)

    def fail(_: Section) -> None:
        path.write_bytes(path.read_bytes()[:-1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.update(fail)
    assert take(file)
    assert counts(path)[0] == 0


# ---- deleted, moved, replaced: whoever comes first finds nothing free

AGO = 2 * module.TOLERANCE
"""Seconds after which a change by others can be told from the last writing."""


def cold(path: Path) -> bool:
    """True if nothing in the file is free before all that may have been spent has expired."""
    section, now = section_at(path), boot_clock()
    free_then = tally(section, NOBODY, now + COLD)[0] + tally(section, NOBODY, now + COLD)[2]
    return tally(section, NOBODY, now + COLD - 5.0)[0] == 0 and free_then == section.limit


@pytest.mark.parametrize("is_known", [True, False], ids=["by one that knew it", "by a newcomer"])
@pytest.mark.parametrize("leaves", ["deleted", "moved"])
def test_a_ledger_that_has_gone_is_followed_by_a_cold_one(
    path: Path, caplog: pytest.LogCaptureFixture, leaves: str, is_known: bool
) -> None:
    file = file_at(path)
    take(file)
    path.unlink() if leaves == "deleted" else path.rename(path.with_name("backup"))
    user = file if is_known else file_at(path)
    with caplog.at_level(logging.WARNING, "aiocapdist"):
        assert take(user, 3, OTHER)
    assert cold(path)
    words = f"the ledger {path} was deleted or moved while in use: nothing is granted for 151 s"
    assert [record.message for record in caplog.records] == [words]
    assert take(file_at(path), 3, THIRD)
    assert cold(path)


def test_two_that_use_a_deleted_one_go_on_in_one_new_file_and_know_their_tokens(
    path: Path,
) -> None:
    one, other = file_at(path, 10), file_at(path, 10)
    take(one, 2, ONE)
    take(other, 3, OTHER)
    path.unlink()
    assert take(one, 1, ONE)  # it knew nothing of the other's three yet
    assert take(other, 1, OTHER)
    assert take(one, 1, ONE)
    assert cold(path)


def test_deleted_with_the_trace_that_it_left_it_is_as_new(path: Path) -> None:
    take(file_at(path), 2)
    path.unlink()
    path.with_name(".ledger.made").unlink()
    assert take(file_at(path))
    assert counts(path) == (2, 1, 0, 0)


def test_one_deleted_while_it_was_let_go_of_is_known_as_well(path: Path) -> None:
    file = file_at(path)
    take(file, 2)
    file.close()
    path.unlink()
    assert take(file)
    assert cold(path)


def test_one_deleted_after_it_was_checked_is_known_as_well(path: Path) -> None:
    """As when a client connects, and first asks a moment later."""
    checked, user = file_at(path), file_at(path)
    take(checked, 2)
    assert user.adopt(checked) is not None
    assert user.adopt(checked) is None, "once"
    for name in ("ledger", ".ledger.made"):
        path.with_name(name).unlink()
    assert take(user, 3, OTHER)
    assert cold(path)


def restore_in_place(path: Path, copy: bytes) -> None:
    path.write_bytes(copy)


def restore_by_name(path: Path, copy: bytes) -> None:
    other = path.with_name("copy")
    other.write_bytes(copy)
    other.rename(path)


@pytest.mark.parametrize("restore", [restore_in_place, restore_by_name])
@pytest.mark.parametrize("user", ["newcomer", "knows the copy", "knows more", "knows all"])
def test_an_older_copy_in_its_place_lets_nothing_through_twice(
    path: Path,
    caplog: pytest.LogCaptureFixture,
    restore: Callable[[Path, bytes], None],
    user: str,
) -> None:
    spender, file = file_at(path, 9), file_at(path, 9)
    assert take(spender)
    if user == "knows the copy":
        take(file, 0)
    copy = path.read_bytes()
    assert take(spender, 4)
    if user == "knows more":
        take(file, 0)
    assert take(spender, 4)
    time.sleep(AGO)
    restore(path, copy)
    if user == "knows all":
        file = spender
    with caplog.at_level(logging.WARNING, "aiocapdist"):
        assert take(file, 9, OTHER)
    assert tally(section_at(path), OTHER, boot_clock())[:2] == (0, 0)
    assert cold(path)
    assert "was replaced" in caplog.records[0].message
    assert take(file_at(path, 9), 9, THIRD)
    assert cold(path)
    assert len(caplog.records) == 1, "once"


def test_the_same_bytes_written_again_are_not_what_they_were(path: Path) -> None:
    """Others may have spent in between."""
    file = file_at(path)
    take(file)
    time.sleep(AGO)
    path.write_bytes(path.read_bytes())
    assert take(file)
    assert cold(path)


def test_on_a_file_system_with_another_clock_the_stamp_is_not_believed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "wall_clock", lambda: time.time() - 3600.0)
    one, other = file_at(path), file_at(path)
    assert take(one)
    assert contents_at(path).written_at == inf
    assert take(other, 1, OTHER)
    assert counts(path) == (1, 1, 1, 0)


def test_without_stamps_a_smaller_generation_tells_an_older_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "wall_clock", lambda: time.time() - 3600.0)
    file = file_at(path)
    take(file)
    copy = path.read_bytes()
    take(file)
    path.write_bytes(copy)
    assert take(file)
    assert cold(path)


def test_an_old_generation_of_long_ago_is_nothing_to_wait_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_at(path)
    take(file)
    monkeypatch.setattr(file, "_known_at", boot_clock() - COLD)
    put(path, present(blank()))
    assert take(file, 1, OTHER)
    assert counts(path)[:3] == (1, 1, 1)


@pytest.mark.parametrize("is_known", [True, False])
def test_an_empty_file_is_never_overwritten(path: Path, is_known: bool) -> None:
    file = file_at(path)
    if is_known:
        take(file)
    path.write_bytes(b"")
    for _ in range(2):
        assert refusal(lambda: take(file)) == "it is empty; give it another path"
    assert path.read_bytes() == b""
    path.unlink()
    assert take(file)
    assert cold(path) or not is_known


def test_numbers_may_change_once_all_is_free(path: Path) -> None:
    take(file_at(path, 3))
    assert refusal(lambda: take(file_at(path, 5))).startswith("it is for 3 calls in 30 s, not 5")
    contents = contents_at(path)
    section = contents.section(CALL)
    assert section is not None
    section.release(1, ONE)
    put(path, contents)
    assert take(file_at(path, 5), 5)
    assert tally(section_at(path), ONE, boot_clock()) == (0, 5, 0, 0)


def test_processes_of_another_time_namespace_are_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(file_at(path))
    monkeypatch.setattr(module, "time_namespace", lambda: 77)
    assert refusal(lambda: take(file_at(path))) == (
        "processes use it whose clock counts otherwise: they are in another time namespace; "
        "run all in the same one, or use RedisQuota"
    )


# ---- folders that others can write to


def test_it_is_its_owners_alone_unless_told_otherwise(path: Path) -> None:
    take(file_at(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = path.with_name("shared")
    umask = os.umask(0o077)
    try:
        file = LedgerFile(other, CALL, 3, PERIOD, span=SPAN, cold=COLD, mode=0o664)
        take(file)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(other.stat().st_mode) == 0o664


@pytest.mark.parametrize("folder_mode", [0o1777, 0o770])
@pytest.mark.parametrize("target", ["there", "nothing"])
def test_no_link_is_followed_where_others_can_make_one(
    path: Path, tmp_path: Path, folder_mode: int, target: str
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(folder_mode)
    if target == "there":
        take(file_at(path))
    (folder / "ledger").symlink_to(path)
    assert refusal(lambda: take(file_at(folder / "ledger"))) == (
        "it is a link, in a folder that others can write to; "
        "give the path of the file itself, in a folder of your own"
    )
    assert path.exists() == (target == "there")


def test_a_file_of_another_user_is_not_used_where_anybody_can_put_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)
    path = tmp_path / "ledger"
    take(file_at(path))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    path_owner = path.stat().st_uid
    if path_owner == 0:
        os.chown(path, 54321, -1)
        path_owner = 54321
    assert refusal(lambda: take(file_at(path))) == (
        f"it belongs to user {path_owner}, in a folder that anybody can write to; "
        "give a path in a folder of your own, or a mode that lets others write"
    )
    shared = LedgerFile(path, CALL, 3, PERIOD, span=SPAN, cold=COLD, mode=0o666)
    assert take(shared, 0)


# ---- in its place


def test_a_foreign_file_in_its_place_is_left_alone_until_it_has_gone(
    path: Path, tmp_path: Path
) -> None:
    file = file_at(path)
    take(file, 2)
    path.rename(tmp_path / "kept")
    foreign(path)
    before = path.read_bytes()
    for _ in range(3):
        assert refusal(lambda: take(file)).startswith("it holds something else")
    assert path.read_bytes() == before
    (tmp_path / "kept").rename(path)
    assert take(file)
    assert counts(path) == (0, 3, 0, 0)


def test_where_even_the_directory_has_gone_it_is_told_until_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "ledger"
    path.parent.mkdir()
    file = file_at(path)
    take(file, 2)
    shutil.rmtree(path.parent)
    assert refusal(lambda: take(file)) == f"No such file or directory; {CANNOT_BE_WRITTEN}"
    path.parent.mkdir()
    assert take(file)
    assert cold(path)


def test_one_that_is_replaced_again_and_again_is_tried_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_at(path)
    monkeypatch.setattr(file, "_is_in_place", lambda: False)
    assert not take(file)
    monkeypatch.undo()
    assert take(file)


# ---- what fails in the middle


def test_an_error_while_it_is_changed_changes_nothing_and_lets_go_of_it(path: Path) -> None:
    file = file_at(path)
    take(file)

    def fail(section: Section) -> None:
        section.acquire(1, ONE, boot_clock(), 1e9)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.update(fail)
    assert counts(path) == (2, 1, 0, 0)
    assert take(file_at(path), 1, OTHER)
    assert take(file)
    assert counts(path) == (0, 2, 1, 0)


@pytest.mark.parametrize("call", ["pread", "pwrite", "stat"])
def test_an_error_of_the_system_is_told_and_the_next_try_succeeds(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    file = file_at(path)
    take(file)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        assert refusal(lambda: take(file)) == f"Input/output error; {CANNOT_BE_WRITTEN}"
    assert counts(path) == (2, 1, 0, 0)
    assert take(file)
    assert counts(path) == (1, 2, 0, 0)


def test_a_disk_that_is_full_is_told_and_no_draft_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fail)
    assert refusal(file_at(path).check) == f"No space left on device; {CANNOT_BE_WRITTEN}"
    assert os.listdir(path.parent) == []


def test_a_trace_that_finds_no_room_for_its_text_is_a_trace(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.write", full)
    opening.mark_made(path, 0o600)
    assert opening.was_made(path)


@pytest.mark.parametrize("grows", [False, True], ids=["as long as before", "longer"])
def test_a_disk_on_which_half_of_it_has_room_is_told_and_over_when_there_is_more(
    path: Path, monkeypatch: pytest.MonkeyPatch, grows: bool
) -> None:
    file = file_at(path)
    take(file)
    before, pwrite = path.read_bytes(), os.pwrite
    if grows:
        file = LedgerFile(path, "3211", 3, PERIOD, span=SPAN, cold=COLD)
    room = len(before) if grows else 100
    full: list[bool] = [True]

    def half(descriptor: int, data: bytes, offset: int) -> int:
        if data == before:
            return pwrite(descriptor, data, offset)
        return pwrite(descriptor, data[: room + full[0]], offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", half)
        for _ in range(3):
            assert refusal(lambda: take(file)) == f"No space left on device; {CANNOT_BE_WRITTEN}"
            assert path.read_bytes() == before
    assert take(file)
    assert section_at(path).is_free(boot_clock()) is False
    assert not contents_at(path).cold_until


def test_an_error_without_a_text_of_the_system_is_told_in_its_own_words(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("broken")

    monkeypatch.setattr(os, "open", fail)
    assert refusal(file_at(path).check) == f"broken; {CANNOT_BE_WRITTEN}"


# ---- locked


def test_while_another_has_it_nobody_waits(path: Path) -> None:
    file = file_at(path)
    take(file)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not take(file)
        assert not file.update(lambda _: pytest.fail("it was locked"))
    assert take(file)


def test_who_has_it_for_a_moment_is_given_that_moment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_at(path)
    take(file)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        monkeypatch.setattr(os, "sched_yield", lambda: fcntl.flock(other, fcntl.LOCK_UN))
        assert take(file)


def test_a_lock_kept_says_so(path: Path) -> None:
    assert str(file_at(path).locked()) == (
        f"the quota at {path} cannot be used: another program has held its lock for seconds; "
        "find the one that is suspended"
    )


# ---- fork


def test_a_forked_child_has_a_lock_of_its_own(path: Path) -> None:
    """With the parent's descriptor, each would think that it alone had the file."""
    file = file_at(path)
    take(file)

    def child_finds_it_locked(_: Section) -> None:
        assert in_a_fork(lambda: not take(file, 1, OTHER)) == 0

    assert file.update(child_finds_it_locked)
    assert in_a_fork(lambda: take(file, 1, OTHER)) == 0
    assert take(file)
    assert counts(path) == (0, 2, 1, 0)


# ---- another boot


def test_after_a_restart_what_was_spent_just_before_expires_for_a_period_at_most(
    path: Path,
) -> None:
    now = boot_clock()
    section = blank()
    section.acquire(1, ONE, 0.0, 1e6 + SPAN - 10.0)
    section.acquire(1, THIRD, 0.0, 1e6 - 10.0)
    before = contents_of(section, boot=bytes(16), epoch=time.time() - 1e6)  # it had run for long
    put(path, before)
    assert take(file_at(path), 0)
    contents = contents_at(path)
    assert contents.boot == boot_id()
    assert contents.epoch == pytest.approx(time.time() - now, abs=5.0)
    later = max(boot_clock(), SPAN)
    assert tally(section_at(path), ONE, later) == (2, 0, 0, 1)
    assert tally(section_at(path), ONE, later + SPAN - 9.0)[0] == 3
