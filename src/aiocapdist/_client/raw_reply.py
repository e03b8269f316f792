"""Ask for a reply's bytes, whatever they say: for programs that examine OpenD itself."""

from __future__ import annotations

from .._requests.request import Queue, Request
from .._requests.routes import Route
from .base import BaseClient
from .deadlines import submit


class RawRequest(Request[bytes]):
    """One request whose reply is not read: an error in it is no error here."""

    __slots__ = ("_body", "proto_id")

    def __init__(self, queue: Queue, proto_id: int, body: bytes) -> None:
        super().__init__(queue, attempts=1)
        self.proto_id = proto_id
        self._body = body

    def body(self, route: Route) -> bytes:
        return self._body

    def read(self, body: bytes) -> bytes:
        return body


async def raw_reply(
    client: BaseClient, proto_id: int, body: bytes, *, counted: bool, timeout: float
) -> bytes:
    """Return the body of the reply to this one, sent once.

    If ``counted``, the request waits for a token of the quota that limits such calls; if not,
    it is sent at once, **past every quota**. ``timeout`` limits the whole call, in seconds.

    Raises RequestTimeout, ConnectionLost, ClientClosed or ProtocolError. Cancelling is safe.
    """
    queues = client._queues
    queue = await queues.for_call(proto_id, None) if counted else queues.free
    return await submit(RawRequest(queue, proto_id, body), queue, timeout)
