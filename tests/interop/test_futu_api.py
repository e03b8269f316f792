"""The vendor's Python client works with the simulator, and agrees with ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
import pytest

import aiocapdist
from aiocapdist import CapitalDistribution, CapitalFlow, FlowPoint, Market, Period, Security
from aiocapdist._pb import capital_flow_pb2
from aiocapdist._protocol.capital_flow import decode_capital_flow, encode_capital_flow
from aiocapdist.recording import Recording
from aiocapdist.simulator import Simulator

from .vendor import needs_vendor, vendor

pytestmark = [pytest.mark.anyio, pytest.mark.interop, needs_vendor]
CODES = ["HK.00700", "US.AAPL", "US.BRK.B", "SH.600519", "SZ.000001"]
START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
FIELDS = [
    f"capital_{way}_{size}" for way in ("in", "out") for size in ("super", "big", "mid", "small")
]


async def test_both_clients_get_the_same_figures(tmp_path: Path) -> None:
    script = f"result = [figures(*context.get_capital_distribution(c)) for c in {CODES}]"
    with anyio.fail_after(60):
        async with (
            Simulator(now=lambda: 1_700_000_000.0, seed=2) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            theirs = await vendor(script, opend.port, tmp_path)
            ours = await client.capital_distributions(CODES).collect()
    for code, reply in zip(CODES, theirs, strict=True):
        assert reply["ret"] == 0, reply
        (row,) = reply["data"]
        mine = ours.values[code]
        assert {field: row[field] for field in FIELDS} == {
            field: getattr(mine, field) for field in FIELDS
        }
        assert row["update_time"] == mine.update_time


async def test_both_clients_show_an_old_opend_alike(tmp_path: Path) -> None:
    script = 'result = figures(*context.get_capital_distribution("HK.00700"))'
    with anyio.fail_after(60):
        async with Simulator(super_fields=False) as opend:
            theirs = await vendor(script, opend.port, tmp_path)
    assert theirs["data"][0]["capital_in_super"] == "N/A"


@pytest.mark.parametrize("period", Period)
async def test_both_clients_get_the_same_capital_flow(tmp_path: Path, period: Period) -> None:
    dates = "" if period is Period.INTRADAY else ', start="2023-06-01", end="2023-11-14"'
    script = f"""
result = [figures(*context.get_capital_flow(code, PeriodType.{period.name}{dates}))
          for code in ("HK.00700", "US.AAPL")]
"""
    with anyio.fail_after(60):
        async with Simulator(now=lambda: 1_700_000_000.0, seed=2) as opend:
            theirs = await vendor(script, opend.port, tmp_path)
            asked = [r.code for r in opend.requests if r.proto_id == 3211]
            async with aiocapdist.connect(port=opend.port) as client:
                ours = [await ask_flow(client, code, period) for code in asked if code]
    assert asked == ["HK.00700", "US.AAPL"]
    for reply, flow in zip(theirs, ours, strict=True):
        assert reply["ret"] == 0, reply
        assert len(reply["data"]) == len(flow.points) > 4
        for row, point in zip(reply["data"], flow.points, strict=True):
            for name in ("in_flow", "super_in_flow", "big_in_flow", "mid_in_flow", "sml_in_flow"):
                assert row[name] == getattr(point, name)
            assert row["main_in_flow"] == (point.main_in_flow or "N/A")
            assert row["capital_flow_item_time"] == point.time
            assert row["last_valid_time"] == flow.last_valid_time


async def ask_flow(client: aiocapdist.Client, code: str, period: Period) -> CapitalFlow:
    """Ask in our own messages, and read the reply."""
    security = Security.parse(code)
    dates = (None, None) if period is Period.INTRADAY else ("2023-06-01", "2023-11-14")
    body = encode_capital_flow(security, period, *dates)
    message = capital_flow_pb2.Request.FromString(body)
    reply = await client.request(3211, message, capital_flow_pb2.Response)
    return decode_capital_flow(reply.SerializeToString(), code, security, period)


async def test_global_state_works(tmp_path: Path) -> None:
    script = "result = context.get_global_state()"
    with anyio.fail_after(60):
        async with Simulator(now=lambda: 1_700_000_000.0) as opend:
            ret, state = await vendor(script, opend.port, tmp_path)
    assert ret == 0
    assert state["timestamp"] == "1700000000"
    assert state["server_ver"] == "1011"
    assert state["qot_logined"] is True
    assert state["program_status_type"] == "READY"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_40_calls_in_a_row_give_30_answers_and_10_refusals(
    tmp_path: Path, language: str
) -> None:
    script = (
        'result = [figures(*context.get_capital_distribution(f"HK.{n:05d}")) for n in range(1, 41)]'
    )
    with anyio.fail_after(60):
        async with Simulator(language=language) as opend:
            theirs = await vendor(script, opend.port, tmp_path)
            assert opend.largest_window == 30
    assert [reply["ret"] for reply in theirs] == [0] * 30 + [-1] * 10
    texts = {
        "zh": "获取资金分布频率太高，请求失败，每30秒最多30次。",  # noqa: RUF001
        "en": "Get Capital Distribution is too frequent, request failed, "
        "no more than 30 times every 30 seconds.",
    }
    assert {reply["data"] for reply in theirs[30:]} == {texts[language]}


async def test_its_keep_alive_is_answered(tmp_path: Path) -> None:
    script = """
import time
while context.status != ContextStatus.READY: time.sleep(0.01)
first = context.get_sync_conn_id()
deadline = time.time() + 20
kept = []
import futu.common.open_context_base as base
seen = base.OpenContextBase.handle_packet
def handle(self, *, proto_id, **rest):
    kept.append(proto_id)
    return seen(self, proto_id=proto_id, **rest)
base.OpenContextBase.handle_packet = handle
while len(kept) < 2 and time.time() < deadline: time.sleep(0.05)
result = {"kept": kept, "same": context.get_sync_conn_id() == first}
"""
    with anyio.fail_after(60):
        async with Simulator(keep_alive_interval=1) as opend:
            theirs = await vendor(script, opend.port, tmp_path)
            asked = [r.outcome for r in opend.requests if r.proto_id == 1004]
    assert theirs["kept"][:2] == [1004, 1004]
    assert theirs["same"]
    assert asked[:2] == ["answered", "answered"]


async def test_the_vendors_client_lives_through_a_recorded_day(tmp_path: Path) -> None:
    """Its figures and its flow at 11:00, after the close, and of what was not recorded."""
    times = [START + timedelta(minutes=90 * n) for n in range(5)]
    recorded = [distribution(at=at, amount=1000.5 * n) for n, at in enumerate(times)]
    points = [FlowPoint(time=f"{at}", at=at, in_flow=0.25 * n) for n, at in enumerate(times)]
    flow = CapitalFlow(
        code="HK.00700", market=Market.HK, period=Period.INTRADAY, points=tuple(points)
    )
    async with Recording(tmp_path / "day.sqlite") as recording:
        await recording.add(*recorded, flow)
    script = """
result = [figures(*context.get_capital_distribution(c)) for c in ("HK.00700", "HK.00005")]
result.append(figures(*context.get_capital_flow("HK.00700")))
"""
    for elapsed, index in ((timedelta(minutes=91), 1), (timedelta(hours=9), 4)):
        now = (START + elapsed).timestamp()
        opend = Simulator(recording=tmp_path / "day.sqlite", now=partial(float, now))
        with anyio.fail_after(60):
            async with opend:
                known, unknown, flow_rows = await vendor(script, opend.port, tmp_path)
        (row,) = known["data"]
        assert {field: row[field] for field in FIELDS} == {
            field: getattr(recorded[index], field) for field in FIELDS
        }
        assert row["update_time"] == recorded[index].update_time
        assert unknown["ret"] == -1
        assert [row["in_flow"] for row in flow_rows["data"]] == [0.25 * n for n in range(index + 1)]


def distribution(at: datetime, amount: float) -> CapitalDistribution:
    """Recorded figures of one moment."""
    amounts = {field: amount + n for n, field in enumerate(FIELDS)}
    return CapitalDistribution(
        code="HK.00700", market=Market.HK, update_time=f"{at}", updated_at=at, **amounts
    )
