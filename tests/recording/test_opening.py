"""What is opened, what is refused, and that nothing is changed then."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy.engine import make_url

from aiocapdist import RecordingError
from aiocapdist.recording import Recording
from aiocapdist.recording._schema import APPLICATION_ID, SCHEMA_VERSION

from ..support.scripts import run
from .making import at, everything, figures
from .servers import execute, needs_postgres, new_schema

pytestmark = pytest.mark.anyio


async def refusal(where: Any, **options: Any) -> RecordingError:
    """The error with which it is not opened."""
    with pytest.raises(RecordingError) as caught:
        await Recording(where, **options).open()
    return caught.value


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def database(path: Path, *statements: str) -> None:
    """Make an SQLite database with another tool."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


# ---- SQLite


async def test_an_empty_file_becomes_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "day.sqlite"
    path.touch()
    async with Recording(path) as recording:
        await recording.add(figures())
    assert path.read_bytes()[:15] == b"SQLite format 3"
    assert contents(tmp_path).keys() == {"day.sqlite"}, "one file when it is closed"


@pytest.mark.parametrize(
    "content",
    [b"code,time\nHK.00700,1\n", b"SQLite format 3\0" + bytes(2000), b"x", bytes(5000)],
    ids=["text", "only the magic", "one byte", "zeros"],
)
async def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "day.sqlite"
    path.write_bytes(content)
    for read_only in (False, True):
        error = await refusal(path, read_only=read_only)
        assert error.where == str(path)
        assert error.reason in ("it is not an SQLite database", NOT_OURS)
        assert contents(tmp_path) == {"day.sqlite": content}


NOT_OURS = "it is an SQLite database, but not a recording"
READ_ONLY = "it cannot be written: it was opened with read_only=True"


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE capital_distribution (code, time)",
        "PRAGMA user_version=1",
        "PRAGMA application_id=7",
    ],
)
async def test_another_programs_database_is_refused_and_left_alone(
    tmp_path: Path, mode: str, statement: str
) -> None:
    path = tmp_path / "other.sqlite"
    database(path, f"PRAGMA journal_mode={mode}", statement)
    before = contents(tmp_path)
    for read_only in (False, True):
        assert (await refusal(path, read_only=read_only)).reason == NOT_OURS
        assert contents(tmp_path) == before


@pytest.mark.parametrize("checkpointed", [True, False])
async def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path, checkpointed: bool) -> None:
    path = tmp_path / "day.sqlite"
    async with Recording(path) as recording:
        await recording.add(figures())
    newer = sqlite3.connect(path, isolation_level=None)
    newer.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    if checkpointed:
        newer.close()
    before = {name: data for name, data in contents(tmp_path).items() if "shm" not in name}
    error = await refusal(path)
    assert f"its schema is {SCHEMA_VERSION + 1}, and this one knows {SCHEMA_VERSION}" in str(error)
    assert error.hint == "upgrade aiocapdist"
    after = {name: data for name, data in contents(tmp_path).items() if "shm" not in name}
    assert after == before
    newer.close()


async def test_errors_distinguish_unusable_paths(tmp_path: Path) -> None:
    assert (await refusal(tmp_path)).reason == "it is a directory"
    assert (await refusal(tmp_path / "none" / "a")).reason == "its folder does not exist"
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    assert (await refusal(tmp_path / "file" / "a")).reason == "Not a directory"
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        assert (await refusal(tmp_path / "pipe")).reason == "it is not a regular file"


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted")
def test_a_path_in_a_folder_that_was_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    with pytest.raises(ValueError, match="the current folder was deleted: give a whole path"):
        Recording("day.sqlite")
    Recording(tmp_path / "day.sqlite")


_AS_NOBODY = """
import os, sys, anyio
from aiocapdist import RecordingError
from aiocapdist.recording import Recording
async def main():
    async with Recording(sys.argv[1]) as recording:
        await recording.latest()  # loads what nobody may read
    os.setgid(65534)
    os.setuid(65534)
    for read_only in (False, True):
        try:
            async with Recording("day.sqlite", read_only=read_only) as recording:
                print(len(await recording.latest()))
                await recording.add(*(await recording.latest()).values())
        except RecordingError as error:
            print(error.reason)
anyio.run(main)
"""


@pytest.mark.skipif(
    sys.platform == "win32" or os.getuid() != 0, reason="only root can become another user"
)
@pytest.mark.parametrize(
    ("file", "folder", "said"),
    [
        (0o600, 0o755, ["it cannot be read: permission denied"] * 2),
        (0o644, 0o755, ["it cannot be written", "1", READ_ONLY]),
        (0o644, 0o777, ["1", "it cannot be written", "1", READ_ONLY]),
    ],
    ids=["unreadable", "folder and file read-only", "file read-only"],
)
def test_missing_permissions_are_said(
    tmp_path: Path, file: int, folder: int, said: list[str]
) -> None:
    # Not in tmp_path, which lies in a folder that nobody else may enter.
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "day.sqlite"

        async def record() -> None:
            async with Recording(path) as recording:
                await recording.add(figures())

        anyio.run(record)
        path.chmod(file)
        path.parent.chmod(folder)
        assert as_nobody(path.parent, tmp_path / "other") == said


def as_nobody(folder: Path, other: Path) -> list[str]:
    """What the program prints as another user."""
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(other)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


async def test_a_file_that_is_moved_or_replaced_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "day.sqlite"
    async with Recording(path) as recording:
        await recording.add(figures())
        path.rename(tmp_path / "away")
        with pytest.raises(RecordingError, match="moved, deleted or replaced"):
            await recording.add(figures(second=1))
        with pytest.raises(RecordingError, match="moved, deleted or replaced"):
            recording.check()
        path.touch()
        with pytest.raises(RecordingError, match="moved, deleted or replaced"):
            await recording.add(figures(second=2))
        (tmp_path / "away").rename(path)
        recording.check()
        await recording.add(figures(second=3))
        assert await everything(recording) == [figures(), figures(second=3)]


async def test_the_files_header_says_that_it_is_a_recording(tmp_path: Path) -> None:
    async with Recording(tmp_path / "day.sqlite"):
        header = (tmp_path / "day.sqlite").read_bytes()[:100]
    assert int.from_bytes(header[68:72], "big") == APPLICATION_ID
    assert int.from_bytes(header[60:64], "big") == SCHEMA_VERSION


async def test_several_create_the_file_at_once(tmp_path: Path) -> None:
    recordings = [Recording(tmp_path / "day.sqlite") for _ in range(6)]
    try:
        async with anyio.create_task_group() as group:
            for recording in recordings:
                group.start_soon(recording.open)
        for second, recording in enumerate(recordings):
            await recording.add(figures(second=second))
        assert len(await everything(recordings[0])) == 6
    finally:
        for recording in recordings:
            await recording.aclose()


async def test_a_damaged_file_is_an_error_and_its_good_part_is_read(tmp_path: Path) -> None:
    path = tmp_path / "day.sqlite"
    async with Recording(path) as recording:
        await recording.add(*(figures(second=n) for n in range(500)))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096  # random bytes might look like a page
    path.write_bytes(data)
    async with Recording(path) as recording:
        with pytest.raises(RecordingError, match=r"it is damaged; save what you can"):
            await everything(recording)
        assert await everything(recording, until=at(5)) == [figures(second=n) for n in range(5)]


async def test_a_table_that_is_gone_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "day.sqlite"
    async with Recording(path) as recording:
        database(path, "DROP TABLE capital_flow")
        with pytest.raises(RecordingError, match="no such table: capital_flow"):
            _ = [flow async for flow in recording.read_flows()]
        await recording.add(figures())


# ---- both


async def test_read_only_reads_and_never_writes(where: str) -> None:
    error = await refusal(where, read_only=True)
    assert error.reason == "there is no recording yet"
    async with Recording(where) as recording:
        await recording.add(figures())
        async with Recording(where, read_only=True) as reader:
            assert await everything(reader) == [figures()]
            with pytest.raises(RecordingError, match="opened with read_only=True"):
                await reader.add(figures(second=1))
        assert await everything(recording) == [figures()]
    async with Recording(where, read_only=True) as reader:
        assert await reader.latest() == {"HK.00700": figures()}


@pytest.mark.parametrize(
    "where",
    [
        "",
        "a\0b",
        "nonsense://",
        "mysql://me:hunter2@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///a?mode=ro",
        "sqlite+aiosqlite:///a",
        "postgresql+asyncpg://me:hunter2@host/db",
        "postgresql+psycopg2://me:hunter2@host/db",
        "postgresql://me:hunter2@host:port/db",
    ],
)
async def test_an_address_that_is_none_is_a_value_error(where: str) -> None:
    with pytest.raises(ValueError, match="recording is a path|names a file") as caught:
        Recording(where)
    assert "hunter2" not in repr(caught.value)


async def test_a_url_of_sqlite_is_its_file(tmp_path: Path) -> None:
    async with Recording(f"sqlite:///{tmp_path}/a b") as recording:
        assert recording.where == f"{tmp_path}/a b"
        await recording.add(figures())
    async with Recording(make_url(f"sqlite+pysqlite:///{tmp_path}/a b")) as recording:
        assert await everything(recording) == [figures()]
    assert contents(tmp_path).keys() == {"a b"}


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41", "ü ", "file:x"])
async def test_any_name_of_a_file_will_do(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Recording(name) as recording:
        await recording.add(figures())
    assert contents(tmp_path).keys() == {name}


# ---- PostgreSQL


@needs_postgres
async def test_another_programs_table_is_refused_and_left_alone(postgres: str) -> None:
    url = new_schema(postgres)
    execute(url, "CREATE TABLE capital_distribution (mine int)")
    error = await refusal(url)
    assert error.reason == "it has a table capital_distribution that is not a recording's"
    count = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema"
    assert execute(url, count) == [(1,)]


@needs_postgres
async def test_a_newer_schema_on_a_server_is_refused(postgres: str) -> None:
    url = new_schema(postgres)
    async with Recording(url):
        pass
    execute(url, f"UPDATE aiocapdist_recording SET schema_version = {SCHEMA_VERSION + 1}")
    assert (await refusal(url)).hint == "upgrade aiocapdist"


@needs_postgres
async def test_errors_of_a_server_do_not_contain_the_password(postgres: str) -> None:
    url = make_url(postgres).set(password="hunter2", query={})
    for changed in (
        url.set(host="127.0.0.1", port=1),
        url.set(host="no-such-host.invalid"),
        make_url(postgres).set(password="hunter2", database="none"),
    ):
        error = await refusal(changed)
        assert error.reason
        for text in (str(error), repr(Recording(changed)), repr(error.__cause__)):
            assert "hunter2" not in text


# ---- packages


@pytest.mark.parametrize(
    ("package", "code", "said"),
    [
        ("sqlalchemy", "", "aiocapdist[store]"),
        ("psycopg", "Recording('postgresql://host/db')", "aiocapdist[postgres]"),
        ("pyarrow", "export('a.parquet')", "aiocapdist[arrow]"),
    ],
)
def test_a_missing_package_error_says_what_to_install(package: str, code: str, said: str) -> None:
    blocked = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
import anyio
from aiocapdist.recording import Recording
def export(path):
    async def main():
        await Recording("a").export(path)
    anyio.run(main)
{code}
"""
    output = run(blocked)
    assert "needs a package that is not installed" in output
    assert output.endswith(f"try: pip install '{said}'")


def test_the_simulator_alone_loads_no_database() -> None:
    output = run(
        "import sys, aiocapdist, aiocapdist.simulator; aiocapdist.connect\n"
        "print('sqlalchemy' in sys.modules)"
    )
    assert output.strip() == "False"
