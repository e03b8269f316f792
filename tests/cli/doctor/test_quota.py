"""The check of the quota, and what it means for the call that doctor makes."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import anyio
import pytest

from aiocapdist.cli.doctor.quota import check_quota
from aiocapdist.cli.options import QuotaOptions
from aiocapdist.quota._core.quota import CAPITAL_DISTRIBUTION
from aiocapdist.simulator import Simulator

from .checkups import check

if sys.platform == "win32":
    pytest.skip("ledger files need flock", allow_module_level=True)

from aiocapdist.quota._file.store import FileStore

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("patient_probe")]


def store_at(path: Path) -> FileStore:
    return FileStore(path, CAPITAL_DISTRIBUTION, 30, 30.0, 0.05)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


async def test_the_users_own_file_need_not_exist(state_folder: Path) -> None:
    found = await check_quota(QuotaOptions(), "127.0.0.1:11111")
    assert found.state == "ok"
    assert found.text.startswith(f"{state_folder}/aiocapdist/quota/127.0.0.1_11111.quota does not")
    assert not await anyio.Path(state_folder).exists()


async def test_the_users_own_file_that_cannot_be_made(state_folder: Path) -> None:
    await anyio.Path(state_folder).write_text("a file where the folder should be")
    found = await check_quota(QuotaOptions(), "127.0.0.1")
    assert (found.state, found.advice) == ("failed", "give the path of a file that can be read")
    assert found.text.endswith(": Not a directory")


async def test_a_file_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    options = QuotaOptions(quota_file=tmp_path / "none" / "ledger")
    assert (await check_quota(options, "127.0.0.1")).state == "failed"


async def test_a_quota_that_is_free(ledger: Path) -> None:
    store_at(ledger).advance(0.0)
    found = await check_quota(QuotaOptions(quota_file=ledger), "127.0.0.1")
    assert (found.state, found.text) == ("ok", f"{ledger}: 30 of 30 calls in 30 s are free")


async def test_a_quota_that_others_use(ledger: Path) -> None:
    store = store_at(ledger)
    store.acquire(5)
    found = await check_quota(QuotaOptions(quota_file=ledger), "127.0.0.1")
    assert found.state == "ok"
    assert f"{ledger}: 25 of 30 calls in 30 s are free; the others are of " in found.text
    assert found.data == {"free": 25, "limit": 30, "rejections": 0}
    del store


async def test_rejections_tell_of_programs_that_do_not_share(ledger: Path) -> None:
    store = store_at(ledger)
    store.acquire(1)
    store.settle(1, time.monotonic(), rejected=True)
    found = await check_quota(QuotaOptions(quota_file=ledger), "127.0.0.1")
    assert found.state == "warning"
    assert "OpenD has rejected 1 calls so far" in found.text
    assert "share one quota" in (found.advice or "")


async def test_a_damaged_ledger(ledger: Path) -> None:
    store_at(ledger).acquire(1)
    path = anyio.Path(ledger)
    await path.write_bytes((await path.read_bytes())[:-1])
    found = await check_quota(QuotaOptions(quota_file=ledger), "127.0.0.1")
    assert found.state == "failed"
    assert "it is damaged" in found.text
    assert "repairs it" in (found.advice or "")
    store_at(ledger).advance(0.0)
    found = await check_quota(QuotaOptions(quota_file=ledger), "127.0.0.1")
    assert found.state == "warning"
    assert re.search(r"what was spent is not known: none is granted for 1[45]\d s", found.text)


async def test_no_quota_is_wanted() -> None:
    found = await check_quota(QuotaOptions(quota="none"), "127.0.0.1")
    assert found.state == "skipped"


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    options = QuotaOptions(quota_redis=f"unix://{tmp_path}/none")
    found = anyio.run(check_quota, options, "127.0.0.1")  # redis-py speaks on asyncio alone
    assert found.state == "failed"
    assert found.advice is not None


async def test_without_the_quota_nothing_is_spent(ledger: Path) -> None:
    await anyio.Path(ledger).write_text("HK.00700\n")
    async with Simulator() as opend:
        found = await check(opend.port, quota=QuotaOptions(quota_file=ledger))
        assert 3212 not in {request.proto_id for request in opend.requests}
    assert found["quota"].state == "failed"
    assert "it holds something else" in found["quota"].text
    assert found["figure"].state == "skipped"
    assert "one call too many" in found["figure"].text
    assert found["login"].state == "ok"


async def test_one_call_is_spent_from_the_quota(ledger: Path) -> None:
    options = QuotaOptions(quota_file=ledger)
    async with Simulator() as opend:
        found = await check(opend.port, quota=options)
        assert [request.proto_id for request in opend.requests].count(3212) == 1
    assert found["figure"].state == "ok"
    again = await check_quota(options, "127.0.0.1")
    assert again.text.startswith(f"{ledger}: 29 of 30 calls in 30 s are free")


async def test_a_spent_quota_is_not_waited_for(ledger: Path) -> None:
    store = store_at(ledger)
    store.acquire(30)
    async with Simulator() as opend:
        found = await check(opend.port, quota=QuotaOptions(quota_file=ledger))
    assert found["figure"].state == "skipped"
    assert re.search(r"no token is free for (2\d|30) s", found["figure"].text)
    assert str(os.getpid()) in found["quota"].text or "pytest" in found["quota"].text
    del store
