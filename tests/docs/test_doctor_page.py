"""What the pages show of ``aiocapdist doctor`` is what it prints, and issues ask for that."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio.testing

import aiocapdist
from aiocapdist.cli.doctor.checkup import Checkup
from aiocapdist.cli.doctor.masking import Masker
from aiocapdist.cli.doctor.probe.run import Probe
from aiocapdist.cli.doctor.rendering import Lines
from aiocapdist.cli.options import ConnectionOptions, QuotaOptions
from aiocapdist.quota import FileQuota
from aiocapdist.simulator import Assumptions, Simulator

from .pages import DOCS, ROOT, blocks, rows

PAGE = DOCS / "reference" / "cli.md"
CHECKS, PROBE = [
    text
    for language, text in blocks(PAGE)
    if language == "text" and re.match(r"(aiocapdist .*\n\n)?ok       ", text)
]
MORNING = 1_790_049_600.0 - 2 * 3600  # Tuesday, 22 September 2026, 10:00 in Hong Kong
LATE = 900.0


def line_of(text: str, check: str) -> str:
    """Return the lines about one check, as one."""
    found = re.search(rf"^\w+ +{check} (.*\n(?: .*\n)*)", text, re.M)
    assert found is not None, check
    return " ".join(found[0].split())


def checks_of(text: str) -> list[str]:
    return [
        line[9:24].strip() for line in text.splitlines() if line[:1].isalpha() and line[8:9] == " "
    ]


@pytest.fixture
def page_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.usefixtures("page_width")
def test_the_checks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async def see() -> None:
        masker = Masker()
        masker.hide(str(tmp_path), "~/.local/state/aiocapdist/quota")
        async with Simulator(now=lambda: MORNING, answers={3212: late}) as opend:
            path = tmp_path / "127.0.0.1_11111.quota"
            async with aiocapdist.connect(port=opend.port, quota=FileQuota(path)) as client:
                await client.capital_distribution("HK.00005")
            checkup = Checkup(
                ConnectionOptions(port=opend.port),
                QuotaOptions(quota_file=path),
                add=Lines(masker).add,
                masker=masker,
                utc_now=lambda: datetime.fromtimestamp(MORNING + 0.7, UTC),
            )
            await checkup.run()

    anyio.run(see)
    printed = capsys.readouterr().out
    assert checks_of(printed) == checks_of(CHECKS)
    for check in checks_of(CHECKS):
        if check in ("port", "handshake", "quota", "figure"):  # with other numbers
            shape = re.sub(r"\d+(\\\.\d+)?", r"[\\d.]+", re.escape(line_of(CHECKS, check)))
            assert re.match(shape, line_of(printed, check)), check
        else:
            assert line_of(printed, check) == line_of(CHECKS, check)


def late(body: bytes) -> Any:
    """Return a reply to 3212 with figures that are a quarter of an hour old."""
    from aiocapdist._pb import capital_distribution_pb2 as pb

    s2c = pb.S2C(
        capitalInBig=2,
        capitalInMid=1,
        capitalInSmall=1,
        capitalOutBig=1,
        capitalOutMid=1,
        capitalOutSmall=1,
        capitalInSuper=1,
        capitalOutSuper=1,
        updateTimestamp=MORNING - LATE,
    )
    return pb.Response(retType=0, s2c=s2c)


@pytest.mark.usefixtures("page_width")
def test_the_probe(capsys: pytest.CaptureFixture[str]) -> None:
    async def see() -> None:
        assumed = Assumptions(counted="arrival")
        options: Any = {"latency": 0.1, "language": "en", "now": lambda: MORNING}
        lines = Lines(Masker())
        async with Simulator(assumptions=assumed, **options) as opend:
            quota = aiocapdist.Quota()
            async with (
                aiocapdist.connect(opend.memory, quota=quota) as one,
                aiocapdist.connect(opend.memory, quota=quota) as two,
            ):
                today = date(2026, 9, 22)
                await Probe(one, two, None, add=lines.add, timeout=10.0, today=today).run()

    clock = trio.testing.MockClock(autojump_threshold=0)
    anyio.run(see, backend="trio", backend_options={"clock": clock})
    printed = capsys.readouterr().out.partition("\n\n")[2]
    assert printed == PROBE


def test_every_check_is_explained() -> None:
    section = PAGE.read_text("utf-8").partition("## doctor")[2].partition("## completion")[0]
    explained = " ".join(row[0] for row in rows(section))
    for check in checks_of(CHECKS) + checks_of(PROBE):
        assert f"`{check}`" in explained or check.endswith(" codes"), check


def test_issues_ask_for_the_report() -> None:
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    assert "aiocapdist doctor" in (folder / "problem.yml").read_text("utf-8")
    assert "aiocapdist doctor --probe" in (folder / "opend.yml").read_text("utf-8")


def test_trouble_begins_with_the_doctor() -> None:
    page = (DOCS / "troubleshooting.md").read_text("utf-8")
    assert page.index("aiocapdist doctor") < page.index("## ")
