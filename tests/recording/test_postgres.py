"""What only a server can do: end sessions, keep locks, be full."""

from __future__ import annotations

import time
from collections.abc import Iterator

import anyio
import pytest

from aiocapdist import RecordingError
from aiocapdist.recording import Recording, _worker
from aiocapdist.recording._database import Database
from aiocapdist.recording._locations import database_at

from .making import at, everything, figures
from .servers import execute, needs_postgres, new_schema

pytestmark = [pytest.mark.anyio, needs_postgres]
SESSIONS = "FROM pg_stat_activity WHERE application_name = 'aiocapdist'"


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    wait_for_sessions(postgres, 0)  # of the test before
    yield new_schema(postgres)
    wait_for_sessions(postgres, 0)


def wait_for_sessions(url: str, count: int) -> None:
    """Until there are so many: the server ends them in its own time."""
    deadline = time.monotonic() + 10
    while len(execute(url, f"SELECT 1 {SESSIONS}")) != count:
        assert time.monotonic() < deadline, "a session is left"
        time.sleep(0.01)


async def test_a_session_that_is_ended_is_begun_again(url: str) -> None:
    async with Recording(url) as recording:
        for second in range(3):
            assert execute(url, f"SELECT pg_terminate_backend(pid) {SESSIONS}") == [(True,)]
            await recording.add(figures(second=second))
            wait_for_sessions(url, 1)
        assert execute(url, f"SELECT pg_terminate_backend(pid) {SESSIONS}") == [(True,)]
        assert await everything(recording) == [figures(second=n) for n in range(3)]


async def test_a_lock_held_too_long_is_an_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    monkeypatch.setattr(_worker, "PATIENCE", 1.5)
    async with Recording(url) as recording:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE capital_distribution IN EXCLUSIVE MODE")
            with anyio.fail_after(20):
                with pytest.raises(RecordingError, match="other sessions keep it locked"):
                    await recording.add(figures())
            assert await everything(recording) == []
            monkeypatch.setattr(_worker, "PATIENCE", 20.0)
            with anyio.move_on_after(0.2) as scope, anyio.fail_after(10):
                await recording.add(figures())
            assert scope.cancelled_caught
        await recording.add(figures(second=1))
        assert (await recording.latest())["HK.00700"].updated_at == at(1)


async def test_several_create_the_tables_at_once(url: str) -> None:
    recordings = [Recording(url) for _ in range(4)]
    try:
        async with anyio.create_task_group() as group:
            for recording in recordings:
                group.start_soon(recording.open)
        for recording in recordings:
            await recording.add(figures())
        assert execute(url, "SELECT count(*), max(schema_version) FROM aiocapdist_recording") == [
            (1, 1)
        ]
    finally:
        for recording in recordings:
            await recording.aclose()


async def test_writers_of_the_same_rows_do_not_deadlock(url: str) -> None:
    rows = [figures(f"HK.{n:05d}") for n in range(200)]
    async with Recording(url) as one, Recording(url) as other:

        async def write(recording: Recording, *values: object) -> None:
            for _ in range(10):
                await recording.add(*values)  # type: ignore[arg-type]

        async with anyio.create_task_group() as group:
            group.start_soon(write, one, *rows)
            group.start_soon(write, other, *rows[::-1])
        assert await everything(one) == rows
    assert execute(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'") == [
        (0,)
    ]


@pytest.mark.parametrize(
    ("state", "said", "retry"),
    [
        ("DiskFull", "the server's disk is full", "never"),
        ("InsufficientPrivilege", "this user may not do that", "never"),
        ("ReadOnlySqlTransaction", "it cannot be written: the server is read-only", "never"),
        ("DeadlockDetected", "other sessions keep it locked", "locked"),
        ("AdminShutdown", "why", "away"),
        ("SyntaxError", "why", "never"),
    ],
)
def test_the_servers_errors_are_put_into_words(state: str, said: str, retry: str) -> None:
    from psycopg import errors
    from sqlalchemy.exc import DBAPIError

    database: Database = database_at("postgresql://me:hunter2@host:5433/db")
    error = DBAPIError("INSERT …", {}, getattr(errors, state)("why\nDETAIL: much more"))
    failed = database.explain(error)
    assert (failed.error.reason, failed.retry) == (said, retry)
    assert failed.error.where == "postgresql://host:5433/db"
