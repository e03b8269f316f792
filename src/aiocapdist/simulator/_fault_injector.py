"""Apply one fault to one reply of one connection."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from anyio.abc import ByteStream, SocketAttribute

from .._pb import notify_pb2
from .._protocol import catalog
from ._codec import Codec, Request
from ._handlers import Reply
from ._writer import ConnectionWriter
from .faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

_REORDER_TIMEOUT = 1.0  # seconds that a reply waits for another one to overtake it
_NO_LINGER = struct.pack("ii", 1, 0)
_NOTICE = notify_pb2.Response(
    retType=0, s2c=notify_pb2.S2C(type=1, event=notify_pb2.GatewayEvent(eventType=0, desc="."))
).SerializeToString()
SUCCESS_WITHOUT_FIGURES = b"\x08\x00\x22\x00"  # retType 0, and an empty s2c


class FaultInjector:
    """Replaces the replies of one connection by what its faults make of them."""

    def __init__(
        self,
        faults: Faults,
        codec: Codec,
        stream: ByteStream,
        writer: ConnectionWriter,
        clock: Callable[[], float],
        close: Callable[[], None],
        restart: Callable[[float], None],
    ) -> None:
        self._faults = faults
        self._codec = codec
        self._stream = stream
        self._writer = writer
        self._clock = clock
        self._close = close
        self._restart = restart
        self._held_back: list[Callable[[], None]] = []
        self._actions: Mapping[Fault, Callable[[Request, Reply], None]] = {
            Fault.DROP: lambda request, reply: None,
            Fault.DELAY: self._delay,
            Fault.DUPLICATE: self._duplicate,
            Fault.REORDER: self._reorder,
            Fault.WRONG_SERIAL: self._wrong_serial,
            Fault.WRONG_ID: self._wrong_id,
            Fault.BAD_PROTOBUF: self._bad_protobuf,
            Fault.MISSING_FIELDS: self._missing_fields,
            Fault.PUSH: self._push,
            Fault.PUSH_FLOOD: self._push_flood,
            Fault.TRUNCATED: self._truncate,
            Fault.CLOSE: lambda request, reply: self._close(),
            Fault.RESET: self._reset,
            Fault.HALF_CLOSE: self._half_close,
            Fault.SILENT: lambda request, reply: self._writer.mute(),
            Fault.AWAY: lambda request, reply: self._restart(self._faults.away),
        }

    def apply(self, fault: Fault, request: Request, reply: Reply) -> None:
        """Apply a fault to this reply. Byte-level faults are applied by the codec."""
        action = self._actions.get(fault)
        if action is not None:
            action(request, reply)
        else:
            data = self._codec.encode(request.proto_id, request.serial, reply)
            self._writer.send(self._codec.corrupt(fault, data))
        self._release_held_back()

    def reply_sent(self) -> None:
        """Send the replies that were held back to be overtaken by this one."""
        self._release_held_back()

    def _send(self, request: Request, reply: Reply) -> None:
        self._writer.send(self._codec.encode(request.proto_id, request.serial, reply))

    def _delay(self, request: Request, reply: Reply) -> None:
        due = self._clock() + self._faults.draw_delay()
        self._writer.call_at(due, lambda: self._send(request, reply))

    def _duplicate(self, request: Request, reply: Reply) -> None:
        self._send(request, reply)
        self._send(request, reply)

    def _reorder(self, request: Request, reply: Reply) -> None:
        def send() -> None:
            if send in self._held_back:
                self._held_back.remove(send)
                self._send(request, reply)

        # Added to the list in the writer's next turn, so that this `apply` does not release it.
        self._writer.call_at(self._clock(), lambda: self._held_back.append(send))
        self._writer.call_at(self._clock() + _REORDER_TIMEOUT, send)

    def _release_held_back(self) -> None:
        for send in list(self._held_back):
            send()

    def _wrong_serial(self, request: Request, reply: Reply) -> None:
        self._send(request._replace(serial=(request.serial + 0x5EED) % 2**32), reply)

    def _wrong_id(self, request: Request, reply: Reply) -> None:
        self._send(request._replace(proto_id=request.proto_id + 1), reply)

    def _bad_protobuf(self, request: Request, reply: Reply) -> None:
        self._send(request, reply._replace(body=b"\xff" * 7 + reply.body))

    def _missing_fields(self, request: Request, reply: Reply) -> None:
        self._send(request, reply._replace(body=SUCCESS_WITHOUT_FIGURES))

    def _push(self, request: Request, reply: Reply) -> None:
        self._send_notice(request.serial)
        self._send(request, reply)

    def _push_flood(self, request: Request, reply: Reply) -> None:
        for serial in range(self._faults.flood):
            self._send_notice(serial)
        self._send(request, reply)

    def _send_notice(self, serial: int) -> None:
        notice = Reply(_NOTICE, "pushed")
        self._writer.send(self._codec.encode(catalog.NOTIFY, serial, notice))

    def _truncate(self, request: Request, reply: Reply) -> None:
        data = self._codec.encode(request.proto_id, request.serial, reply)
        self._writer.send_last(data[: len(data) // 2], self._close)

    def _reset(self, request: Request, reply: Reply) -> None:
        raw_socket = self._stream.extra(SocketAttribute.raw_socket, None)
        if raw_socket is not None:
            raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._close()

    def _half_close(self, request: Request, reply: Reply) -> None:
        self._writer.mute(self._send_eof)

    async def _send_eof(self) -> None:
        try:
            await self._stream.send_eof()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, NotImplementedError, OSError):
            self._close()  # TLS cannot close one direction alone
