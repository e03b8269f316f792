"""Server-sent events: a reader of the publisher's feed as a response that goes on."""

from __future__ import annotations

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from . import _json
from ._publisher import Publisher

PING_EVERY = 15.0
"""Seconds of silence after which a reader is told that nothing has happened."""
RETRY = b"retry: 2000\n\n"
"""Milliseconds that browsers wait before they come back."""


class EventStream(Response):
    """Sends events until the visitor leaves or the feed ends. The watch runs as long.

    Raises TooManyReaders.
    """

    media_type = "text/event-stream"
    charset = "utf-8"

    def __init__(self, publisher: Publisher, last_id: str | None) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._publisher = publisher
        self._reader = publisher.feed.open(last_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._publisher.want()
        try:
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            async with anyio.create_task_group() as group:
                group.start_soon(cancel_on_disconnect, receive, group.cancel_scope)
                await self._send_events(send)
                group.cancel_scope.cancel()
        finally:
            self._reader.end()
            self._publisher.unwant()

    async def _send_events(self, send: Send) -> None:
        data = RETRY
        while data:
            await send({"type": "http.response.body", "body": data, "more_body": True})
            with anyio.move_on_after(PING_EVERY) as silence:
                data = await self._reader.read()
            if silence.cancelled_caught:
                now = _json.encode({"now": _json.now_text()})
                data = f"event: ping\ndata: {now}\n\n".encode()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel what is done for a visitor that leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
