"""``aiocapdist quota``, and ``get`` with a shared quota."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

import aiocapdist
from aiocapdist.cli.app import run
from aiocapdist.quota import RedisQuota
from aiocapdist.quota._core.quota import CAPITAL_DISTRIBUTION

from ..quota.redis.servers import Server, needs_redis
from .processes import run_command, run_here, simulator

if sys.platform == "win32":
    pytest.skip("ledger files need flock", allow_module_level=True)

from aiocapdist.quota._file import snapshot
from aiocapdist.quota._file.store import FileStore

SECRET = "s3cret"


def store_at(path: Path) -> FileStore:
    return FileStore(path, CAPITAL_DISTRIBUTION, 30, 30.0, 0.05)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of which this process holds two tokens, with three more expiring."""
    path = tmp_path / "ledger"
    store = store_at(path)
    store.acquire(5)
    store.settle(2, time.monotonic())
    store.settle(1, time.monotonic(), rejected=True)
    return path


@pytest.fixture
def redis() -> Iterator[Server]:
    server = Server("--requirepass", SECRET)
    server.start()
    server.url = f"unix://:{SECRET}@{server.socket}"
    yield server
    server.kill()


# ---- A file


def test_a_table_shows_owners_and_the_next_token(ledger: Path) -> None:
    before = (ledger.read_bytes(), os.listdir(ledger.parent))
    code, out, err = run_command("quota", "--file", str(ledger))
    assert (code, err) == (0, "")
    title, tokens, when, blank, head, _, row = out.splitlines()
    assert title == f"{ledger}: 30 calls in 30 s"
    assert tokens == "25 free, 2 held, 3 expiring; 0 waiting; 1 rejected so far"
    assert when.startswith("next token now, all free in ")
    assert blank == ""
    assert head.split("  ")[0] == "owner"
    assert row.split()[:2] == ["process", str(os.getpid())]
    assert row.split()[2:4] == ["2", "3"]
    assert row.split()[6] == "alive"
    assert (ledger.read_bytes(), os.listdir(ledger.parent)) == before


def test_json_and_csv_have_the_same_values(ledger: Path) -> None:
    code, out, _ = run_here("quota", "--file", str(ledger), "--json")
    assert code == 0
    record = json.loads(out)
    (owner,) = record.pop("owners")
    assert (owner["held"], owner["expiring"]) == (2, 3)
    assert 29.0 < record["all_back_in"] <= 30.05
    code, out, _ = run_here("quota", "--file", str(ledger), "--format", "jsonl")
    (line,) = out.splitlines()
    assert json.loads(line).keys() == {*record, "owners"}
    code, out, _ = run_here("quota", "--file", str(ledger), "--format", "csv")
    (row,) = csv.DictReader(out.splitlines())
    assert row.keys() == record.keys()
    assert (row["free"], row["rejections"]) == ("25", "1")


def test_the_table_is_readable_at_every_width(
    ledger: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The program that runs the tests may have any name: pytest-xdist gives it the test's.
    monkeypatch.setattr(snapshot, "program_of", lambda words: "python trade.py")
    for width in range(30, 201):
        monkeypatch.setenv("COLUMNS", str(width))
        assert run(["quota", "--file", str(ledger)]) == 0
        head, _, row = capsys.readouterr().out.splitlines()[-3:]
        assert head.split()[:3] == ["owner", "held", "expiring"]
        assert max(map(len, (head, row))) <= width
        assert "…" not in row
        assert ("program" in head) is (width >= 80) or 50 < width < 80


def test_the_quota_is_written_to_a_file(ledger: Path, tmp_path: Path) -> None:
    path = tmp_path / "quota.json"
    assert run(["quota", "--file", str(ledger), "--json", "--output", str(path)]) == 0
    assert json.loads(path.read_text("utf-8"))["limit"] == 30


def test_a_free_quota_has_no_owners(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / ("far/" * 30) / ":x:[red]"  # longer than a line, and with rich's markup
    path.parent.mkdir(parents=True)
    store_at(path).advance(0.0)
    assert run(["quota", "--file", str(path)]) == 0
    title, _, when = capsys.readouterr().out.splitlines()
    assert title == f"{path}: 30 calls in 30 s"
    assert when == "all free"


def test_a_spent_quota_shows_when_the_next_token_is_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_at(tmp_path / "ledger").acquire(30)
    assert run(["quota", "--file", str(tmp_path / "ledger")]) == 0
    when = capsys.readouterr().out.splitlines()[2]
    assert when == "next token in 30.0 s, all free in 30.0 s"


def test_a_damaged_ledger_shows_how_long_nothing_is_granted(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.write_bytes(ledger.read_bytes()[:-1])
    assert run(["quota", "--file", str(ledger)]) == 3
    assert "it is damaged" in capsys.readouterr().err
    store_at(ledger).advance(0.0)
    assert run(["quota", "--file", str(ledger)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"the tokens spent are not known: none is granted for 1[45]\d\.\d s", out)
    assert "\nnot known     0        30 " in out


def test_a_missing_file_is_reported_and_not_created(tmp_path: Path) -> None:
    path = tmp_path / "none"
    code, out, err = run_here("quota", "--file", str(path))
    assert (code, out) == (3, "")
    assert err == (
        f"aiocapdist: the quota at {path} cannot be used: there is no such file; "
        "the first program that uses it creates it\n"
    )
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("quota --address http://b", "invalid address"),
        ("quota --file a --redis redis://b", "name one of them"),
        ("quota --file a --key b", "a key belongs to a quota on a Redis server"),
        ("quota --redis http://b", "url is the address of a Redis server"),
        ("get HK.00001 --quota-file a --quota-redis redis://b", "name one of them"),
        ("get HK.00001 --quota-key b", "a key belongs to a quota on a Redis server"),
        (
            "get HK.00001 --simulate --quota-file a",
            "leave out either it or --address and the quota",
        ),
        ("get HK.00001 --simulate --quota-key a", "leave out either it or --address"),
    ],
)
def test_wrong_usage_is_reported(
    capsys: pytest.CaptureFixture[str], arguments: str, text: str
) -> None:
    assert run(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert text in err


def test_a_file_overrides_the_server_in_the_environment(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIOCAPDIST_REDIS", "redis://nobody.invalid")
    assert run(["quota", "--file", str(ledger)]) == 0
    assert run(["get", "HK.00700", "--simulate"]) == 0


# ---- Spending from a file


def test_get_spends_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with simulator() as opend:
        where = ("--address", f"127.0.0.1:{opend.port}", "--quota-file", str(path))
        for codes in (("HK.00700", "US.AAPL"), ("HK.00005",)):
            code, _, err = run_command("get", *codes, *where)
            assert (code, err) == (0, "")
    _, out, _ = run_here("quota", "--file", str(path), "--format", "json")
    record = json.loads(out)
    assert (record["free"], record["expiring"]) == (27, 3)
    assert [each["presence"] for each in record["owners"]] == ["dead", "dead"]


def test_get_does_not_touch_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "watchlist.txt"
    path.write_text("HK.00700\n")
    with simulator() as opend:
        where = ("--address", f"127.0.0.1:{opend.port}", "--quota-file", str(path))
        code, out, err = run_here("get", "HK.00700", *where)
        assert not opend.requests
    assert (code, out) == (3, "")
    assert err.startswith(f"aiocapdist: the quota at {path} cannot be used: ")
    assert err.count("\n") == 1
    assert path.read_text() == "HK.00700\n"


# ---- A Redis server


@needs_redis
def test_a_server_is_shown_without_its_password(
    redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOCAPDIST_REDIS", redis.url)
    code, out, err = run_here("quota")
    assert (code, out) == (3, "")
    assert "there is none whose key is aiocapdist:*" in err

    async def spend(port: int) -> None:
        quota = RedisQuota(redis.url, period=5.0, lease=0.2, margin=0.0)
        async with aiocapdist.connect(port=port, quota=quota) as client:
            with anyio.fail_after(20):
                await client.capital_distribution("HK.00700")

    with simulator() as opend:
        anyio.run(spend, opend.port)
    code, out, err = run_here("quota", "--format", "json")
    assert (code, err) == (0, "")
    assert SECRET not in out
    record = json.loads(out)
    assert record["where"].endswith(", database 0, key aiocapdist:{10000000}:3212")
    assert (record["limit"], record["period"], record["free"], record["expiring"]) == (
        30,
        5.0,
        29,
        1,
    )
    (owner,) = record["owners"]
    assert f".{os.getpid()}." in owner["owner"]


@needs_redis
def test_a_wrong_password_is_reported_and_not_shown(redis: Server) -> None:
    url = redis.url.replace(SECRET, "wr0ng")
    code, out, err = run_here("quota", "--redis", url)
    assert (code, out) == (3, "")
    assert "it rejects the user or the password" in err
    assert "wr0ng" not in err


@needs_redis
def test_get_does_not_wait_for_an_absent_server(redis: Server) -> None:
    redis.kill()
    with simulator() as opend:
        where = ("--address", f"127.0.0.1:{opend.port}", "--quota-redis", redis.url)
        code, out, err = run_here("get", "HK.00700", *where)
    assert (code, out) == (3, "")
    assert "the quota at unix://" in err
    assert SECRET not in err
