"""Server-sent events over real sockets, from the server that the command runs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

import aiocapdist
from aiocapdist import Client
from aiocapdist.simulator import Simulator
from aiocapdist.web import _feed, create_app
from aiocapdist.web._server import Server

from ..support.leaks import Baseline
from ..support.loops import ASYNCIO_LOOPS
from ..support.market_hours import SetClock
from ..support.virtual_asyncio import BACKENDS, run_virtually
from ..support.waiting import until
from ..support.web import reading, served

pytestmark = pytest.mark.anyio
CODES = ["HK.00700", "HK.00005"]
Asked = Callable[[], list[str | None]]


@pytest.fixture(params=ASYNCIO_LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Not trio: uvicorn does not run there."""
    return request.param


async def test_first_the_figures_of_every_code_then_changes(
    app: Starlette, clock: SetClock
) -> None:
    with anyio.fail_after(10):
        async with served(app) as url, reading(url) as events:
            headers = events.response.headers
            assert headers["content-type"] == "text/event-stream; charset=utf-8"
            assert headers["cache-control"] == "no-cache"
            first = await events.next()
            assert (first.kind, first.data["codes"]) == ("watch", CODES)
            figures = await events.changes(2)
            assert [event.data["code"] for event in figures] == CODES
            assert figures[0].data["market"] == "HK"
            assert figures[0].data["main_net_change"] is None
            clock.next_figures()
            later = {event.data["code"]: event.data for event in await events.changes(2)}
            before = figures[0].data
            after = later["HK.00700"]
            assert after["main_net_change"] == after["main_net"] - before["main_net"]
            assert after["updated_at"] > before["updated_at"]


async def test_the_state_of_connection_and_quota_comes_at_once(app: Starlette) -> None:
    with anyio.fail_after(10):
        async with served(app) as url, reading(url) as events:
            status = (await events.next("status")).data
    assert status["state"] == "ready"
    assert status["quota"]["limit"] == 10_000


async def test_many_readers_share_one_watch(app: Starlette, asked: Asked, clock: SetClock) -> None:
    with anyio.fail_after(20):
        async with served(app) as url, anyio.create_task_group() as group:
            got: list[list[str]] = []

            async def read() -> None:
                async with reading(url) as events:
                    found = await events.changes(2)
                    got.append(sorted(event.data["code"] for event in found))
                    await done.wait()

            done = anyio.Event()
            for _ in range(20):
                group.start_soon(read)
            await until(lambda: len(got) == 20)
            # Each code once in a round of 0.05 s, however many read.
            before = len(asked())
            rounds = app.state.service.publisher.watch.round_time
            await anyio.sleep(0.5)
            assert len(asked()) - before <= 2 * (0.5 / min(rounds or 0.05, 0.05) + 2)
            done.set()
    assert got == [sorted(CODES)] * 20


async def test_the_first_reader_starts_the_watch_and_the_last_one_ends_it(
    client: Client, asked: Asked, clock: SetClock
) -> None:
    """Mounted, without a lifespan: nothing is asked for nobody."""
    app = create_app(client, CODES, every=0.05)
    app.router.lifespan_context = _no_lifespan
    with anyio.fail_after(10):
        async with served(app) as url:
            await anyio.sleep(0.2)
            assert asked() == []
            async with reading(url) as events:
                await events.changes(2)
            publisher = app.state.service.publisher
            await until(lambda: not publisher.feed.readers)
            before = len(asked())
            await anyio.sleep(0.3)
            assert len(asked()) - before <= len(CODES)  # those that were sent already
            clock.next_figures()
            async with reading(url) as events:
                old = {event.data["code"]: event.data for event in await events.changes(2)}
                new = {event.data["code"]: event.data for event in await events.changes(2)}
                assert all(new[code]["updated_at"] > old[code]["updated_at"] for code in CODES)


async def test_with_a_lifespan_the_watch_runs_without_readers(app: Starlette, asked: Asked) -> None:
    with anyio.fail_after(10):
        async with served(app) as url:
            await until(lambda: len(asked()) > 4)
            async with httpx.AsyncClient() as http:
                text = (await http.get(f"{url}/metrics")).text
            assert 'aiocapdist_main_net{code="HK.00700",market="HK"}' in text


async def test_last_event_id_goes_on_without_a_gap(app: Starlette, clock: SetClock) -> None:
    with anyio.fail_after(10):
        async with served(app) as url:
            async with reading(url) as events:
                had = await events.changes(2)
            for _ in range(3):
                await _new_figures(app, clock)
            async with reading(url, Last_Event_ID=str(had[-1].id)) as events:
                assert (await events.next("watch")).data["resumed"] is True
                missed = await events.changes(6)
            numbers = [int(str(event.id).partition("-")[2]) for event in [*had, *missed]]
            assert numbers == list(range(1, 9))


async def test_opend_away_and_back_is_told(app: Starlette, opend: Simulator) -> None:
    with anyio.fail_after(15):
        async with served(app) as url, reading(url) as events:
            await events.changes(2)
            assert (await events.next("status")).data["state"] == "ready"
            await opend.go_away()
            while (await events.next("status")).data["state"] != "reconnecting":
                pass
            await opend.come_back()
            while (await events.next("status")).data["state"] != "ready":
                pass


async def test_streams_end_at_once_when_the_server_ends(
    app: Starlette, opend: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For connections that do not end by themselves it would wait for good.
    plain = Server.__init__

    def patient(self: Server, app: Starlette) -> None:
        plain(self, app)
        self.config.timeout_graceful_shutdown = None

    monkeypatch.setattr(Server, "__init__", patient)
    baseline = Baseline()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            ended: list[int] = []

            async def read(url: str) -> None:
                async with reading(url) as events:
                    await events.changes(2)
                    began.append(1)
                    await events.rest()  # without an error: the body is complete
                    ended.append(1)

            began: list[int] = []
            async with served(app) as url:
                for _ in range(5):
                    group.start_soon(read, url)
                await until(lambda: len(began) == 5)
        assert len(ended) == 5
        await baseline.wait_restored()


async def test_when_its_client_closes_streams_end_and_new_ones_are_503(app: Starlette) -> None:
    with anyio.fail_after(10):
        async with served(app) as url:
            async with reading(url) as events:
                await events.changes(2)
                await app.state.service.client.aclose()
                await events.rest()
            async with httpx.AsyncClient() as http:
                answer = await http.get(f"{url}/v1/capital-distribution/HK.00700")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "ClientClosed")


async def test_too_many_readers_are_told_when_to_come_back(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_feed, "MAX_READERS", 1)
    with anyio.fail_after(10):
        async with served(app) as url, reading(url) as events:
            await events.next()
            async with httpx.AsyncClient() as http:
                answer = await http.get(f"{url}/v1/watch")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert answer.json()["error"]["type"] == "TooManyReaders"


async def test_a_watch_that_fails_ends_its_readers_and_not_the_client(
    app: Starlette, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError

    app.state.service.publisher.feed.publish = fail
    with anyio.fail_after(10):
        async with served(app) as url, reading(url) as events:
            await events.rest()
            assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
    assert "the watch failed" in caplog.text


@pytest.mark.parametrize("loop", BACKENDS)
def test_a_ping_after_fifteen_seconds_of_silence(loop: str) -> None:
    """On virtual time, the application called directly; while OpenD's figures stand still."""

    async def main() -> None:
        async with Simulator(now=SetClock()) as opend:
            async with aiocapdist.connect(opend.memory) as client:
                app = create_app(client, ["HK.00700"])
                stream = _Stream()
                async with anyio.create_task_group() as group:
                    group.start_soon(app, stream.scope, stream.receive, stream.send)
                    await anyio.sleep(100.0)
                    stream.leave.set()
        kinds = [kind for _, kind in stream.events]
        assert {"watch", "change", "status"} <= set(kinds)
        silences = [later - at for (at, _), (later, _) in pairwise(stream.events)]
        assert max(silences) <= 15.0
        assert "ping" in kinds
        assert not app.state.service.publisher.feed.readers

    run_virtually(main, on=loop)


class _Stream:
    """A visitor of ``/v1/watch`` without a socket: notes when which kind of event came."""

    def __init__(self) -> None:
        self.events: list[tuple[float, str]] = []
        self.leave = anyio.Event()
        self.scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/watch",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }

    async def receive(self) -> Any:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        for line in message.get("body", b"").decode().splitlines():
            if line.startswith("event: "):
                self.events.append((anyio.current_time(), line.removeprefix("event: ")))


def _no_lifespan(app: Starlette) -> Any:
    from contextlib import nullcontext

    return nullcontext()


async def _new_figures(app: Starlette, clock: SetClock) -> None:
    """Wait until every code has got its next figures."""
    figures = app.state.service.publisher.figures
    before = dict(figures)
    clock.next_figures()
    await until(lambda: all(figures[code] != before[code] for code in CODES))
