"""The tables of a recording, as docs/guides/recording.md documents them.

Times are whole microseconds since the Unix epoch: SQLite has no type for times, and every
tool can compare and divide integers. Amounts are doubles, as on the wire.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Date, Double, Index, Integer, MetaData, Table, Text

SCHEMA_VERSION = 1
"""Version of the tables, raised with every change. Newer ones are not opened."""
APPLICATION_ID = 0x61636470
"""``application_id`` of our SQLite files ("acdp"): identifies a file as a recording."""

METADATA = MetaData()
_TIME = BigInteger().with_variant(Integer, "sqlite")
# Compared byte by byte: the order must not depend on the server's locale.
_KEY_TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _key(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False, autoincrement=False)


def _amounts(*names: str, nullable: bool) -> list[Column[Any]]:
    return [Column(name, Double, nullable=nullable) for name in names]


# Keyed by code and time: a code's rows lie together, so its history is one range and its
# newest row one step. WITHOUT ROWID: the key is not stored twice.
DISTRIBUTIONS = Table(
    "capital_distribution",
    METADATA,
    _key("code", _KEY_TEXT),
    _key("time", _TIME),
    Column("updated_at", _TIME),
    Column("seen_at", _TIME, nullable=False),
    Column("market", Text, nullable=False),
    Column("update_time", Text),
    *_amounts("capital_in_super", nullable=True),
    *_amounts("capital_in_big", "capital_in_mid", "capital_in_small", nullable=False),
    *_amounts("capital_out_super", nullable=True),
    *_amounts("capital_out_big", "capital_out_mid", "capital_out_small", nullable=False),
    sqlite_with_rowid=False,
)
# Reading all codes in order of time.
Index("capital_distribution_by_time", DISTRIBUTIONS.c.time, DISTRIBUTIONS.c.code)

FLOWS = Table(
    "capital_flow",
    METADATA,
    _key("code", _KEY_TEXT),
    _key("period", _KEY_TEXT),
    _key("time", _TIME),
    Column("at", _TIME),
    Column("seen_at", _TIME, nullable=False),
    Column("market", Text, nullable=False),
    Column("day", Date),
    Column("time_text", Text),
    *_amounts("in_flow", nullable=False),
    *_amounts("main_in_flow", "super_in_flow", nullable=True),
    *_amounts("big_in_flow", "mid_in_flow", "sml_in_flow", nullable=True),
    Column("last_valid_at", _TIME),
    Column("last_valid_time", Text),
    sqlite_with_rowid=False,
)

VERSION = Table("aiocapdist_recording", METADATA, Column("schema_version", Integer, nullable=False))
"""PostgreSQL's place for the version of the schema; in SQLite ``user_version`` holds it."""
