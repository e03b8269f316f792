"""Replies of the simulator to valid and invalid requests, in both languages."""

from __future__ import annotations

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota, UnsupportedSecurity
from aiocapdist._pb import global_state_pb2
from aiocapdist.simulator import Simulator

from .raw import distribution_request, global_state_request, keep_alive_request, raw_client

pytestmark = pytest.mark.anyio
LANGUAGES = ["zh", "en"]
TOO_FREQUENT = {
    "zh": "获取资金分布频率太高，请求失败，每30秒最多30次。",  # noqa: RUF001
    "en": "Get Capital Distribution is too frequent, request failed, "
    "no more than 30 times every 30 seconds.",
}
TEXTS = {
    ("unknown", "zh"): "未知股票 HK.99999",
    ("unknown", "en"): "unknown stock HK.99999",
    ("unsupported", "zh"): "暂不支持该类型的股票 HK.800000",
    ("unsupported", "en"): "not supported for this type of security: HK.800000",
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_31st_request_in_30_s_is_refused_with_opends_text(language: str) -> None:
    with anyio.fail_after(5):
        async with Simulator(language=language) as opend, raw_client(opend) as client:
            results = [
                (await client.ask(3212, n, distribution_request(1, f"{n:05d}"))).refusal
                for n in range(1, 33)
            ]
            assert results == [(0, "")] * 30 + [(-1, TOO_FREQUENT[language])] * 2
            assert opend.largest_window == 30
            # Other calls are not counted.
            assert (await client.ask(1002, 1, global_state_request())).refusal == (0, "")


async def test_all_connections_share_one_window() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(quota=(2, 60.0)) as opend,
            raw_client(opend) as one,
            raw_client(opend) as other,
        ):
            assert (await one.ask(3212, 1, distribution_request(1, "00001"))).refusal[0] == 0
            assert (await other.ask(3212, 1, distribution_request(1, "00002"))).refusal[0] == 0
            for client in (one, other):
                ret_type, text = (
                    await client.ask(3212, 2, distribution_request(1, "00003"))
                ).refusal
                assert ret_type == -1
                assert "每60秒最多2次" in text


async def test_without_a_quota_nothing_is_refused() -> None:
    async with Simulator(quota=None) as opend, raw_client(opend) as client:
        with anyio.fail_after(5):
            for n in range(100):
                assert (await client.ask(3212, n, distribution_request(1, "00700"))).refusal == (
                    0,
                    "",
                )
            assert opend.largest_window == 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("code", "kind"), [("99999", "unknown"), ("800000", "unsupported")])
async def test_error_texts_are_in_the_chosen_language(language: str, code: str, kind: str) -> None:
    with anyio.fail_after(5):
        async with Simulator(language=language) as opend, raw_client(opend) as client:
            reply = await client.ask(3212, 3, distribution_request(1, code))
            assert reply.refusal == (-1, TEXTS[kind, language])
            assert opend.requests[-1].outcome == kind


@pytest.mark.parametrize(
    ("market", "code", "outcome"),
    [
        (1, "00700", "answered"),
        (1, "80011", "answered"),  # a stock traded in renminbi, not an index
        (11, "BRK.B", "answered"),
        (21, "600519", "answered"),
        (91, "BTC", "answered"),
        (11, "999999", "unknown"),
        (1, "", "unknown"),
        (1, "700", "unknown"),
        (1, "O0700", "unknown"),
        (3, "00700", "unknown"),
        (0, "00700", "unknown"),
        (11, ".DJI", "unsupported"),
        (1, "800000", "unsupported"),
        (2, "HSIMAIN", "unsupported"),
        (81, "USDHKD", "unsupported"),
    ],
)
async def test_outcome_depends_on_market_and_code(market: int, code: str, outcome: str) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            await client.ask(3212, 3, distribution_request(market, code))
            assert opend.requests[-1].outcome == outcome


@pytest.mark.parametrize("proto_id", [1001, 1002, 1004, 3212])
@pytest.mark.parametrize("body", [b"", b"\xff\xff"], ids=["lacking", "undecodable"])
async def test_an_undecodable_body_is_invalid(proto_id: int, body: bytes) -> None:
    with anyio.fail_after(5):
        async with Simulator(language="en") as opend, raw_client(opend) as client:
            assert (await client.ask(proto_id, 3, body)).refusal == (-500, "invalid content")
            assert opend.requests[-1][2:] == (proto_id, 3, None, "invalid")
            if proto_id != 1001:
                assert (await client.ask(1004, 4, keep_alive_request())).refusal[0] == 0


async def test_an_unknown_proto_id_is_an_error() -> None:
    with anyio.fail_after(5):
        async with Simulator(language="en") as opend, raw_client(opend) as client:
            assert (await client.ask(3001, 3, b"")).refusal == (-1, "unknown protocol 3001")


async def test_global_state_has_times_market_states_and_connection_id() -> None:
    wednesday = 1_700_028_000.5  # 14:00 in Hong Kong, 01:00 in New York
    with anyio.fail_after(5):
        async with Simulator(now=lambda: wednesday) as opend, raw_client(opend) as client:
            reply = await client.ask(1002, 2, global_state_request())
            told = global_state_pb2.Response.FromString(reply.body).s2c
    assert (told.time, told.localTime, told.connID) == (1_700_028_000, wednesday, 1)
    assert (told.marketHK, told.marketSH, told.marketUS) == (5, 5, 6)


async def test_the_client_reads_the_outcomes_that_the_simulator_logged() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(language="en", quota=(1, 0.05)) as opend,
            aiocapdist.connect(opend.memory, quota=Quota(30, 0.05)) as client,
        ):
            report = await client.capital_distributions(
                ["HK.00001", "HK.00002", "US..DJI"]
            ).collect()
            assert list(report.values) == ["HK.00001", "HK.00002"]
            assert isinstance(report.errors["US..DJI"], UnsupportedSecurity)
            assert (
                client.quota.rejections == sum(r.outcome == "refused" for r in opend.requests) > 0
            )
