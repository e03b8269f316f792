"""The options of ``aiocapdist simulate`` (signals are in test_interrupt)."""

from __future__ import annotations

import time

import anyio
import pytest

import aiocapdist
from aiocapdist.cli.commands.simulate import parse_quota

from .processes import start_command


def test_options_reach_the_simulator() -> None:
    options = ("--seed", "7", "--language", "en", "--quota", "none", "--latency", "0.1")
    codes = [*(f"HK.{n:05d}" for n in range(1, 40)), "HK.99999"]

    async def ask(port: int) -> tuple[int | None, int, aiocapdist.SweepResult]:
        quota = aiocapdist.Quota(100, 1.0)
        with anyio.fail_after(20):
            async with aiocapdist.connect("localhost", port, quota=quota) as client:
                report = await client.capital_distributions(codes).collect()
                return client.status.login_user_id, quota.rejections, report

    with start_command("simulate", "--host", "localhost", "--port", "0", *options) as process:
        assert process.stdout is not None
        where = process.stdout.readline().split()[3].rstrip(";")
        host, _, port = where.partition(":")
        assert host == "localhost"
        begun = time.monotonic()
        user, refused, report = anyio.run(ask, int(port))
        took = time.monotonic() - begun
    assert user == 10_000_007
    assert (len(report.values), refused) == (39, 0)
    assert "unknown stock" in str(report.errors["HK.99999"])
    assert took >= 0.1


@pytest.mark.parametrize(
    ("text", "quota"), [("30/30", (30, 30.0)), ("2/0.5", (2, 0.5)), ("none", None)]
)
def test_parse_quota_reads_calls_per_seconds_or_none(text: str, quota: object) -> None:
    assert parse_quota(text) == quota
