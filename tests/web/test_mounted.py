"""In one's own service: mounted in FastAPI beside other routes, on the client that it has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from fastapi import FastAPI, Request

import aiocapdist
from aiocapdist import Client
from aiocapdist.simulator import Simulator
from aiocapdist.web import create_app
from aiocapdist.web._page import TYPES

from ..support.web import visitor_of

pytestmark = pytest.mark.anyio


def service(opend: Simulator) -> FastAPI:
    """A service with a client of its own, as the documentation shows."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        quota = aiocapdist.Quota(1000, 1.0)
        async with aiocapdist.connect(port=opend.port, quota=quota) as client:
            app.state.client = client
            app.mount("/capital", create_app(client, ["HK.00700"], every=0.1))
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/mine/{code}")
    async def mine(code: str, request: Request) -> float:
        client: Client = request.app.state.client
        return (await client.capital_distribution(code, max_age=60)).main_net

    return app


async def test_mounted_beside_other_routes(opend: Simulator) -> None:
    app = service(opend)
    with anyio.fail_after(10):
        async with app.router.lifespan_context(app), visitor_of(app) as http:
            answer = await http.get("/capital/v1/capital-distribution/HK.00700")
            assert answer.status_code == 200
            # One client: the same answer serves both.
            assert (await http.get("/mine/HK.00700")).json() == answer.json()["main_net"]
            assert len([one for one in opend.requests if one.proto_id == 3212]) == 1
            page = await http.get("/capital/")
            assert "text/html" in page.headers["content-type"]
            for name in ("page.js", "page.css", "icon.svg"):
                assert f'"static/{name}"' in page.text
            for name in TYPES.keys() - {"index.html"}:
                answer = await http.get(f"/capital/static/{name}")
                assert answer.headers["content-type"].startswith(TYPES[name])
            servers = (await http.get("/capital/openapi.json")).json()["servers"]
            assert servers == [{"url": "/capital"}]
            assert (await http.get("/capital/nothing")).json()["error"]["type"] == "NotFound"
            assert (await http.get("/nothing")).json() == {"detail": "Not Found"}  # FastAPI's own


async def test_the_guard_stands_before_what_is_mounted_alone(opend: Simulator) -> None:
    app = service(opend)
    with anyio.fail_after(10):
        async with app.router.lifespan_context(app):
            async with visitor_of(app, "http://service.example") as http:
                assert (await http.get("/mine/HK.00700")).status_code == 200
                assert (await http.get("/capital/healthz")).status_code == 421


async def test_a_token_works_at_a_mount(client: Client) -> None:
    app = FastAPI()
    token = "a token of the tests, long enough"
    app.mount("/capital", create_app(client, ["HK.00700"], token))
    async with visitor_of(app) as http:
        assert (await http.get("/capital/")).status_code == 200
        assert (await http.get("/capital/v1/status")).status_code == 401
        answer = await http.post("/capital/v1/session", json={"token": token})
        assert "Path=/capital" in answer.headers["set-cookie"]
        assert (await http.get("/capital/v1/status")).status_code == 200


async def test_two_applications_do_not_share_metrics(client: Client) -> None:
    first, second = create_app(client, []), create_app(client, [])
    async with visitor_of(first) as http:
        await http.get("/healthz")
        assert 'path="/healthz"' in (await http.get("/metrics")).text
    async with visitor_of(second) as http:
        assert 'path="/healthz"' not in (await http.get("/metrics")).text
