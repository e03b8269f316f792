"""One client's connection to the simulator."""

from __future__ import annotations

import math
from collections.abc import Callable

import anyio
from anyio.abc import ByteStream

from .._protocol import catalog
from ._codec import Codec, Request
from ._fault_injector import FaultInjector
from ._handlers import Moments, Reply, RequestHandler
from ._request_log import LoggedRequest
from ._writer import ConnectionWriter
from .faults import Fault, Faults

IDLE_INTERVALS = 3.0
"""Keep-alive intervals without a byte from the client after which OpenD closes."""

_CLOSED = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class SimulatedConnection:
    """Read requests, have them handled, and send the replies when they are due.

    ``draw_delays`` gives for each request the seconds that it takes to the gateway, which
    counts it on arrival, and the seconds that its reply takes back.
    """

    def __init__(
        self,
        stream: ByteStream,
        codec: Codec,
        handler: RequestHandler,
        *,
        conn_id: int,
        idle_timeout: float,
        draw_delays: Callable[[], tuple[float, float]],
        faults: Faults,
        restart: Callable[[float], None],
        clock: Callable[[], float],
        log: list[LoggedRequest],
    ) -> None:
        self.conn_id = conn_id
        self.ready = False
        self._stream = stream
        self._codec = codec
        self._handler = handler
        self._idle_timeout = idle_timeout if codec.closes_idle else math.inf
        self._draw_delays = draw_delays
        self._clock = clock
        self._log = log
        self._writer = ConnectionWriter(stream, clock)
        self._scope = anyio.CancelScope()
        self._faults = faults
        self._injector = FaultInjector(
            faults, codec, stream, self._writer, clock, self.close, restart
        )

    async def run(self) -> None:
        """Serve the client until either side closes."""
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._write)
                    await self._read()
                    group.cancel_scope.cancel()
        finally:
            await anyio.aclose_forcefully(self._stream)

    def close(self) -> None:
        """Close the connection."""
        self._scope.cancel()

    def push(self, proto_id: int, body: bytes) -> None:
        """Send a message that is no reply, with serial 0."""
        self._writer.send(self._codec.encode(proto_id, 0, Reply(body, "pushed")))

    async def _read(self) -> None:
        try:
            while not self._codec.broken:
                with anyio.fail_after(self._idle_timeout):
                    data = await self._stream.receive(262_144)
                for request in self._codec.receive_data(data):
                    self._receive(request)
                if reply := self._codec.data_to_send():
                    if self._codec.broken:  # a close frame, or an HTTP error: the last bytes
                        await self._stream.send(reply)
                    else:
                        self._writer.send(reply)
        except _CLOSED:
            pass  # an expired idle timeout too: TimeoutError is an OSError

    async def _write(self) -> None:
        try:
            await self._writer.run()
        except _CLOSED:
            self.close()  # over TLS, sending too can raise EndOfStream

    def _receive(self, request: Request) -> None:
        if request.body is None:
            self._log_request(request, "damaged")
            if not self.ready:
                self.close()  # a wrong key, or none: what follows could not be decrypted either
        elif request.proto_id == self._codec.handshake_id:
            self._handshake(request, request.body)
        elif not self.ready:
            self._log_request(request, "too early")
            self.close()
        elif not request.is_protobuf:
            self._reply_at_once(request, self._handler.invalid())
        else:
            self._forward(request, request.body)

    def _handshake(self, request: Request, body: bytes) -> None:
        reply = self._codec.handle_handshake(body, self.conn_id)
        self._reply_at_once(request, reply, self._faults.next(handshake=True))
        if reply.outcome == "answered":
            self.ready = True
            self._codec.handshake_completed()

    def _forward(self, request: Request, body: bytes) -> None:
        """Handle a request and send its reply, each after its share of the latency."""
        there, back = self._draw_delays()
        fault = None if request.proto_id == catalog.KEEP_ALIVE else self._faults.next()
        now = self._clock()
        due = now + there + back
        if there == back == 0.0:
            self._send_reply(request, self._handle(request, body, fault, due), fault)
            return

        def arrive() -> None:
            reply = self._handle(request, body, fault, due)
            self._writer.call_at(due, lambda: self._send_reply(request, reply, fault))

        self._writer.call_at(now + there, arrive)

    def _handle(self, request: Request, body: bytes, fault: Fault | None, due: float) -> Reply:
        if fault is Fault.REFUSE:
            reply = self._handler.too_frequent()
        else:
            when = Moments(self._clock(), due)
            reply = self._handler.handle(request.proto_id, body, self.conn_id, when)
            if fault is Fault.GATEWAY_ERROR and reply.outcome == "answered":
                reply = self._handler.backend_failed()._replace(code=reply.code)
        self._log_request(request, reply.outcome, reply.code)
        return reply

    def _reply_at_once(self, request: Request, reply: Reply, fault: Fault | None = None) -> None:
        """Reply to what OpenD decides by itself, without latency."""
        self._log_request(request, reply.outcome)
        self._send_reply(request, reply, fault)

    def _send_reply(self, request: Request, reply: Reply, fault: Fault | None) -> None:
        if fault in (None, Fault.REFUSE, Fault.GATEWAY_ERROR):
            self._writer.send(self._codec.encode(request.proto_id, request.serial, reply))
            self._injector.reply_sent()
        else:
            self._injector.apply(fault, request, reply)

    def _log_request(self, request: Request, outcome: str, code: str | None = None) -> None:
        now, connection = self._clock(), self.conn_id
        proto_id, serial = request.proto_id, request.serial
        self._log.append(LoggedRequest(now, connection, proto_id, serial, code, outcome))
