"""Metrics: what they say, that Prometheus can read them, and the dashboard made for them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import anyio
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

import aiocapdist
from aiocapdist import Client
from aiocapdist.simulator import Simulator
from aiocapdist.web import create_app

from ..support.waiting import until
from ..support.web import visitor_of

pytestmark = pytest.mark.anyio
DASHBOARD = Path(__file__).parents[2] / "docs" / "guides" / "serve" / "grafana.json"
REFERENCE = DASHBOARD.parents[2] / "reference" / "metrics.md"


async def samples(app: Starlette) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and the values of its labels."""
    async with visitor_of(app) as http:
        answer = await http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_figures_connection_quota_and_visitors(client: Client) -> None:
    app = create_app(client, ["HK.00700", "HK.99999"], every=0.05)
    with anyio.fail_after(10):
        async with app.router.lifespan_context(app):
            publisher = app.state.service.publisher
            await until(lambda: publisher.figures and publisher.failing)
            await until(lambda: publisher.watch and publisher.watch.round_time)
            async with visitor_of(app) as http:
                for _ in range(3):
                    await http.get("/v1/capital-distribution/HK.00700?max_age=60")
                await http.get("/v1/capital-distribution/never-heard-of")
            found = await samples(app)
            figures = publisher.figures["HK.00700"]
    assert figures.updated_at is not None
    assert found["aiocapdist_main_net", "HK.00700", "HK"] == figures.main_net
    assert found["aiocapdist_main_ratio", "HK.00700", "HK"] == figures.main_ratio
    assert found["aiocapdist_capital_in", "HK.00700", "HK", "big"] == figures.capital_in_big
    assert found["aiocapdist_capital_out", "HK.00700", "HK", "small"] == figures.capital_out_small
    time = found["aiocapdist_figures_timestamp_seconds", "HK.00700", "HK"]
    assert time == figures.updated_at.timestamp()
    assert found["aiocapdist_code_failing", "HK.00700"] == 0
    assert found["aiocapdist_code_failing", "HK.99999"] == 1
    assert found["aiocapdist_up", ""] == 1
    assert found["aiocapdist_calls_total", ""] > 2
    assert found["aiocapdist_quota_limit", "distribution"] == 10_000
    assert found["aiocapdist_watch_codes",] == 2
    path = "/v1/capital-distribution/{code}"
    assert found["aiocapdist_http_requests_total", path, "200"] == 3
    assert found["aiocapdist_http_requests_total", path, "422"] == 1


async def test_what_opend_did_not_send_is_no_zero() -> None:
    async with (
        Simulator(super_fields=False) as opend,
        aiocapdist.connect(port=opend.port, quota=aiocapdist.Quota()) as client,
    ):
        app = create_app(client, ["HK.00700"], every=0.05)
        with anyio.fail_after(10):
            async with app.router.lifespan_context(app):
                await until(lambda: app.state.service.publisher.figures)
                found = await samples(app)
    assert ("aiocapdist_capital_in", "HK.00700", "HK", "big") in found
    assert ("aiocapdist_capital_in", "HK.00700", "HK", "super") not in found


async def test_labels_are_of_the_watch_and_not_of_visitors(app: Starlette) -> None:
    """Else any visitor could fill Prometheus."""
    async with visitor_of(app) as http:
        for n in range(50):
            await http.get(f"/v1/capital-distribution/HK.{n:05d}")
            await http.get(f"/{n}")
    labels = {value for name, *values in await samples(app) for value in values}
    assert not [value for value in labels if re.search(r"\d{5}|^/\d", value)] or labels <= {
        *labels - {f"HK.{n:05d}" for n in range(50) if n != 5}
    }
    assert "other" in labels


async def test_a_group_has_each_gateway(opend: Simulator) -> None:
    gateways = [aiocapdist.connect(port=opend.port) for _ in range(2)]
    async with aiocapdist.connect_many(gateways) as clients:
        found = await samples(create_app(clients, []))
    names = {labels[0] for name, *labels in found if name == "aiocapdist_up"}
    assert len(names) == 2


async def test_every_metric_of_the_dashboard_exists(client: Client) -> None:
    """After a while of use; so does every label that it filters or groups by."""
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [one["query"] for one in dashboard["templating"]["list"]]
    named = {name for text in expressions for name in re.findall(r"aiocapdist_\w+", text)}
    app = create_app(client, ["HK.00700"], every=0.05)
    with anyio.fail_after(10):
        async with app.router.lifespan_context(app):
            publisher = app.state.service.publisher
            await until(lambda: publisher.watch and publisher.watch.round_time)
            await samples(app)  # a visit, which is counted
            async with visitor_of(app) as http:
                text = (await http.get("/metrics")).text
    there = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert named <= set(there)
    page = set(re.findall(r"`(aiocapdist_\w+)`", REFERENCE.read_text("utf-8")))
    assert page == set(there) | {"aiocapdist_recording_failing"}
    everything = there.keys() - {"aiocapdist_watch_codes", "aiocapdist_watch_resting_codes"}
    assert everything - named <= {"aiocapdist_main_ratio", "aiocapdist_quota_limit"}
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            (name, *_) = re.findall(r"aiocapdist_\w+", target["expr"])
            assert labels <= there[name], target


def test_the_dashboards_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
    assert max(x for x, _ in taken) < 24
