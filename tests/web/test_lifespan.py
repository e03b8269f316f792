"""The application's own client: OpenD that is absent, comes, goes and comes again."""

from __future__ import annotations

import logging

import anyio
import pytest

import aiocapdist
from aiocapdist.simulator import Simulator
from aiocapdist.web import _service, create_app

from ..support.leaks import Baseline
from ..support.waiting import until
from ..support.web import visitor_of

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts to connect follow each other at once."""
    monkeypatch.setattr(_service, "LEAST_DELAY", 0.0)


async def test_opend_absent_at_the_start_is_told_and_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "aiocapdist.web")
    async with Simulator() as opend:
        await opend.go_away()
        app = create_app(aiocapdist.connect(port=opend.port), ["HK.00700"])
        with anyio.fail_after(15):
            async with app.router.lifespan_context(app), visitor_of(app) as http:
                assert (await http.get("/healthz")).status_code == 200
                service = app.state.service
                await until(lambda: service.summary()["reason"])
                assert (await http.get("/readyz")).status_code == 503
                answer = await http.get("/v1/capital-distribution/HK.00700")
                assert answer.status_code == 503
                assert answer.json()["error"]["type"] == "ConnectError"
                assert "start OpenD" in (await http.get("/v1/status")).json()["reason"]
                assert 'aiocapdist_up{gateway=""} 0.0' in (await http.get("/metrics")).text
                await opend.come_back()
                await until(lambda: service.is_ready)
                answer = await http.get("/v1/capital-distribution/HK.00700")
                assert answer.status_code == 200
                assert (await http.get("/v1/status")).json()["reason"] is None
    told = [record for record in caplog.records if record.name == "aiocapdist.web"]
    assert len(told) == 1  # once, however often it was tried
    assert "serving goes on" in told[0].getMessage()


@pytest.mark.parametrize("many", [False, True], ids=["connect", "connect_many"])
async def test_a_client_that_ends_is_followed_by_another(many: bool) -> None:
    async with Simulator() as opend:

        def connecting() -> aiocapdist._client.connect.Connecting:
            return aiocapdist.connect(port=opend.port, reconnect=False)

        given = aiocapdist.connect_many([connecting(), connecting()]) if many else connecting()
        app = create_app(given, ["HK.00700"])
        with anyio.fail_after(15):
            async with app.router.lifespan_context(app):
                service = app.state.service
                await until(lambda: service.is_ready)
                first = service.client
                await opend.go_away()
                await until(lambda: not service.is_ready)
                await opend.come_back()
                await until(lambda: service.is_ready)
                assert service.client is not first


async def test_what_connect_returns_is_used_up() -> None:
    connecting = aiocapdist.connect()
    create_app(connecting, [])
    with pytest.raises(RuntimeError, match="used before"):
        create_app(connecting, [])


async def test_nothing_is_left_after_the_lifespan() -> None:
    async with Simulator() as opend:

        async def run() -> None:
            app = create_app(aiocapdist.connect(port=opend.port), ["HK.00700", "US.AAPL"])
            figures = app.state.service.publisher.figures
            with anyio.fail_after(10):
                async with app.router.lifespan_context(app):
                    await until(lambda: len(figures) == 2)

        await run()
        baseline = Baseline(opend)
        for _ in range(3):
            await run()
        await baseline.wait_restored()
