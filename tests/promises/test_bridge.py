"""36. The bridge lets in who belongs there, in bounded memory, and is never over the quota."""

from __future__ import annotations

import socket
import sys
from collections import Counter
from itertools import product
from typing import Any

import anyio
import httpx
import pytest

import aiocapdist
from aiocapdist.simulator import Simulator
from aiocapdist.web import create_app

from ..support.loops import ASYNCIO_LOOPS
from ..support.market_hours import SetClock
from ..support.serving import allow_files, figures_of_now, server_process
from ..support.web import reading, served

pytestmark = pytest.mark.anyio
TOKEN = "the token of those who belong here"
READERS = 1000
MOST = 64.0  # MiB


@pytest.fixture(params=ASYNCIO_LOOPS[:1])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


HOSTS = (
    *("evil.example", "127.0.0.1.evil.example:{port}", "127.0.0.1:1"),
    *("user@127.0.0.1:{port}", "127.0.0.1:{port}, evil.example"),
)
ORIGINS = (
    *("http://evil.example", "null", "http://127.0.0.1:1"),
    "https://127.0.0.1:{port}.evil.example",
)
TOKENS = ("", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN)
PATHS = (
    "/v1/capital-distribution/HK.00700",
    "/v1/capital-distributions",
    "/v1/capital-flow/HK.00700",
    "/v1/curves",
    "/v1/status",
    "/v1/watch",
    "/metrics",
    "/openapi.json",
)


async def test_strangers_are_not_let_in() -> None:
    """By real bytes: foreign hosts, foreign origins, no token or a wrong one, long paths."""
    async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
        app = create_app(client, [], TOKEN)
        statuses: Counter[int] = Counter()
        with anyio.fail_after(60):
            async with served(app) as url, httpx.AsyncClient() as http:
                port = url.rpartition(":")[2]

                async def ask(path: str, **headers: str) -> None:
                    named = {
                        name.replace("_", "-"): value.format(port=port)
                        for name, value in headers.items()
                    }
                    answer = await http.get(f"{url}{path}", headers=named)
                    statuses[answer.status_code] += 1
                    assert not {"capital_in_big", "available"} & set(answer.text.split('"'))

                good = f"Bearer {TOKEN}"
                for path, host in product(PATHS, HOSTS):
                    await ask(path, Host=host, Authorization=good)
                for path, origin in product(PATHS, ORIGINS):
                    await ask(path, Origin=origin, Authorization=good)
                for path, site in product(PATHS, ("cross-site", "same-site")):
                    await ask(path, Sec_Fetch_Site=site, Authorization=good)
                for path, token in product(PATHS, TOKENS):
                    await ask(path, Authorization=token)
                for path in PATHS:
                    await ask(f"{path}/{'a' * 300}", Authorization=good)
                    await ask(f"{path}?{'a' * 9000}", Authorization=good)
                answer = await http.get(f"{url}{PATHS[0]}", headers={"Authorization": good})
                assert answer.status_code == 200  # the way in is open
    refused = sum(statuses.values())
    print(f"{refused} requests of strangers: {dict(statuses)}")
    assert statuses[200] == 0
    assert set(statuses) == {400, 401, 403, 414, 421}
    assert len([one for one in opend.requests if one.proto_id in (3211, 3212)]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in /proc")
async def test_a_thousand_slow_readers_are_served_in_bounded_memory() -> None:
    """They open a stream and read nothing; another one gets its changes all the same."""
    if not allow_files(READERS + 200):
        pytest.skip(f"this process may not open {READERS} connections")
    codes = [f"HK.{n:05d}" for n in range(1, 11)]
    clock = SetClock()
    async with Simulator(figures=figures_of_now, quota=None, now=clock) as opend:
        async with server_process(opend.port, 0.5, codes) as server:
            url = f"http://127.0.0.1:{server.port}"
            with anyio.fail_after(100):
                async with reading(url) as events:
                    await events.changes(20)
                    idle = server.memory()
                    slow = [_slow(server.port) for _ in range(READERS)]
                    try:
                        most, replaced = idle, 0.0
                        while replaced < 10 * READERS:  # all of them are stuck
                            await events.changes(10)
                            most = max(most, server.memory())
                            replaced = await _replaced(url)
                    finally:
                        for sock in slow:
                            sock.close()
    print(f"{READERS} readers that read nothing: {most - idle:.1f} MiB over {idle:.1f} MiB")
    assert most - idle < MOST


def _slow(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.sendall(f"GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    return sock


async def _replaced(url: str) -> float:
    """Return how many events were replaced before their reader took them."""
    async with httpx.AsyncClient(timeout=30) as http:
        text = (await http.get(f"{url}/metrics")).text
    return float(text.partition("\naiocapdist_events_replaced_total ")[2].partition("\n")[0])


async def test_opends_quota_is_never_over() -> None:
    """However many visitors ask for however much: OpenD counts, and rejects none."""
    async with Simulator(now=SetClock()) as opend:
        async with aiocapdist.connect(port=opend.port) as client:
            app = create_app(client, [f"HK.{n:05d}" for n in range(300, 320)], every=1.0)
            statuses: Counter[int] = Counter()
            with anyio.fail_after(60):
                async with served(app) as url, httpx.AsyncClient(timeout=60) as http:

                    async def visit(n: int) -> None:
                        path = f"/v1/capital-distribution/HK.{n % 200:05d}?max_wait=0.2"
                        statuses[(await http.get(f"{url}{path}")).status_code] += 1

                    for first in range(0, 600, 100):
                        async with anyio.create_task_group() as group:
                            for n in range(first, first + 100):
                                group.start_soon(visit, n)
            rejections = client.quota.rejections
    counted = len([one for one in opend.requests if one.proto_id == 3212])
    print(f"600 visits, {counted} calls to OpenD, {rejections} rejected: {dict(statuses)}")
    assert rejections == 0
    assert counted <= 30 + 30  # of one period, and of the next if the machine is slow
    assert set(statuses) == {200, 429}
