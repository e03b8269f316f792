"""The web application for tests: called directly, or served on a socket by the real server.

::

    async with visitor_of(app) as http:          # any event loop; nothing is streamed
    async with served(app) as url:               # asyncio: uvicorn, as the command runs it
    async with reading(url) as events:           # a browser's end of /v1/watch
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import anyio
import httpx
from starlette.applications import Starlette

from aiocapdist.web._server import Server, listen

from .waiting import until

HERE = "http://127.0.0.1:8321"
"""Where :func:`visitor_of` says that it goes."""


@asynccontextmanager
async def visitor_of(app: Any, url: str = HERE, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor of an application in the same event loop, without a server."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, **options)
    async with httpx.AsyncClient(transport=transport, base_url=url) as http:
        yield http


@asynccontextmanager
async def served(app: Starlette, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on loopback until the end of the body; yields its URL."""
    server, listener = Server(app), listen("127.0.0.1", port)
    failure: Exception | None = None
    with listener:  # closed last, if the server was cancelled before it did
        async with anyio.create_task_group() as group:
            group.start_soon(partial(server.serve, sockets=[listener]))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            await until(lambda: server.started)
            try:
                yield url
            except Exception as error:
                failure = error  # raised below, so that the group does not wrap it
            server.should_exit = True
    if failure is not None:
        raise failure


class Received(NamedTuple):
    """One server-sent event."""

    kind: str
    data: Any
    id: str | None


class Events:
    """A reader of an event stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self._unread: list[Received] = []

    async def next(self, *kinds: str) -> Received:
        """Return the next event of these kinds, or the next one."""
        while True:
            event = await self._event()
            if not kinds or event.kind in kinds:
                return event

    async def changes(self, count: int) -> list[Received]:
        """Return the next changes of figures."""
        return [await self.next("change") for _ in range(count)]

    async def rest(self) -> list[Received]:
        """Return everything until the stream ends."""
        found = []
        try:
            while True:
                found.append(await self._event())
        except StopAsyncIteration:
            return found

    async def _event(self) -> Received:
        fields: dict[str, str] = {}
        while True:
            line = await anext(self._lines)
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                data = json.loads(fields["data"])
                return Received(fields.get("event", "message"), data, fields.get("id"))


@asynccontextmanager
async def reading(url: str, **headers: str) -> AsyncIterator[Events]:
    """Open ``/v1/watch`` of a served application."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(timeout=None) as http:
        async with http.stream("GET", f"{url}/v1/watch", headers=named) as response:
            yield Events(response)
