"""The tables are what the page says, and any tool can read them."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from aiocapdist.recording import Recording
from aiocapdist.recording._schema import APPLICATION_ID, SCHEMA_VERSION

from ..docs.pages import DOCS, blocks
from .making import figures
from .servers import execute, needs_postgres, new_schema

pytestmark = pytest.mark.anyio
PAGE = DOCS / "guides" / "recording.md"


def documented(language: str) -> list[str]:
    return [text for found, text in blocks(PAGE) if found == language]


def statements(sql: str) -> list[str]:
    """Its statements, spaced alike and without comments."""
    text = re.sub(r"--[^\n]*", "", sql)
    text = re.sub(r"\s+", " ", text).replace("( ", "(").replace(" )", ")").replace(" ,", ",")
    return sorted(part.strip() for part in text.split(";") if part.strip())


async def test_sqlites_tables_are_the_documented_ones(tmp_path: Path) -> None:
    async with Recording(tmp_path / "day.sqlite"):
        pass
    connection = sqlite3.connect(tmp_path / "day.sqlite")
    found = ";".join(row[0] for row in connection.execute("SELECT sql FROM sqlite_master"))
    connection.close()
    (sql,) = documented("sql")
    assert statements(sql) == statements(found)


@needs_postgres
async def test_postgresqls_have_the_same_columns(postgres: str) -> None:
    url = new_schema(postgres)
    async with Recording(url):
        pass
    (sql,) = documented("sql")
    for table in ("capital_distribution", "capital_flow"):
        columns = r"^    (\w+) (\w+)( NOT NULL)?"
        definition = sql.partition(f"CREATE TABLE {table} (")[2].partition("PRIMARY KEY")[0]
        types = {"INTEGER": "bigint", "DOUBLE": "double precision", "TEXT": "text", "DATE": "date"}
        expected = [
            (name, types[kind], "NO" if required else "YES")
            for name, kind, required in re.findall(columns, definition, re.M)
        ]
        found = execute(
            url,
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE "
            f"table_schema = current_schema AND table_name = '{table}' ORDER BY ordinal_position",
        )
        assert found == expected


def test_the_page_has_the_numbers_by_which_a_recording_is_known() -> None:
    text = PAGE.read_text("utf-8")
    assert f"version {SCHEMA_VERSION} of the schema" in text
    assert f"`PRAGMA application_id` is {APPLICATION_ID}" in text


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the sqlite3 shell is not installed")
async def test_the_documented_query_runs_while_it_is_written(tmp_path: Path) -> None:
    (query,) = (text for text in documented("sh") if "sqlite3 -readonly" in text)
    async with Recording(tmp_path / "day.sqlite") as recording:
        await recording.add(figures(), figures(second=1))
        done = subprocess.run(  # noqa: ASYNC221
            query, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert done.stdout.splitlines() == [
        "HK.00700|2026-03-02 01:30:01|-4.0",
        "HK.00700|2026-03-02 01:30:00|-4.0",
    ]
