"""A web application: one client for its lifetime, shared by all requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

import aiocapdist
from aiocapdist import (
    AiocapdistError,
    CapitalDistribution,
    Client,
    ConnectError,
    GlobalState,
    Quota,
    Status,
    UnknownSecurity,
)

from .opend_thread import OpendThread, no_leaks

CODES = [f"HK.{n:05d}" for n in range(1, 31)]


def make_app(port: int) -> FastAPI:
    """Create the client in the lifespan, as FastAPI's documentation recommends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiocapdist.connect(port=port, quota=Quota(1000, 60.0)) as client:
            app.state.opend = client
            yield

    app = FastAPI(lifespan=lifespan)

    def opend(request: Request) -> Client:
        client = request.app.state.opend
        assert isinstance(client, Client)
        return client

    @app.get("/flow/{code}")
    async def flow(code: str, request: Request) -> CapitalDistribution:
        return await opend(request).capital_distribution(code)

    @app.get("/state")
    async def state(request: Request) -> GlobalState:
        return await opend(request).global_state()

    @app.get("/status")
    async def status(request: Request) -> Status:
        return opend(request).status

    @app.exception_handler(AiocapdistError)
    async def not_there(request: Request, error: AiocapdistError) -> JSONResponse:
        code = 404 if isinstance(error, UnknownSecurity) else 502
        return JSONResponse({"detail": str(error)}, code)

    return app


@pytest.mark.anyio
async def test_requests_at_once_share_the_client_of_the_lifespan(opend_thread: OpendThread) -> None:
    app = make_app(opend_thread.port)
    got: dict[str, httpx.Response] = {}
    before = len(opend_thread.opend.requests)
    with anyio.fail_after(20):
        async with (
            no_leaks(opend_thread),
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://app.invalid"
            ) as web,
            anyio.create_task_group() as group,
        ):

            async def get(path: str) -> None:
                got[path] = await web.get(path)

            for code in CODES:
                group.start_soon(get, f"/flow/{code}")
            for path in ("/flow/HK.99999", "/flow/hk.00700", "/state", "/status"):
                group.start_soon(get, path)
    for code in CODES:
        answer = got[f"/flow/{code}"]
        assert answer.status_code == 200
        assert (answer.json()["code"], answer.json()["market"]) == (code, 1)
        assert answer.json()["capital_in"] > 0
    assert got["/flow/HK.99999"].status_code == 404
    assert "HK.00700" in got["/flow/hk.00700"].json()["detail"]
    assert got["/state"].json()["quote_logged_in"] is True
    assert got["/status"].json()["server_version"] == "10.11"
    mine = opend_thread.opend.requests[before:]
    assert len({request.connection for request in mine}) == 1


@pytest.mark.anyio
async def test_an_error_in_the_lifespan_is_raised_without_a_group(
    opend_thread: OpendThread,
) -> None:
    app = make_app(opend_thread.port)
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            with pytest.raises(ZeroDivisionError):
                async with app.router.lifespan_context(app):
                    raise ZeroDivisionError("the application's own")
            assert app.state.opend.status.state == "closed"


@pytest.mark.anyio
async def test_without_opend_the_application_does_not_start_and_says_why(closed_port: int) -> None:
    app = make_app(closed_port)
    with anyio.fail_after(10), pytest.raises(ConnectError, match="start OpenD"):
        async with app.router.lifespan_context(app):
            raise AssertionError("there is nobody at this port")
