"""Carries out one fault on one connection."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from anyio.abc import ByteStream, SocketAttribute

from .._pb import notify_pb2
from .._protocol import catalog
from ._handlers import Answer
from ._tcp_codec import Asked, Speech
from ._writer import Outbox
from .faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

_HELD_FOR = 1.0  # seconds that a reply waits to be overtaken
_LINGER_NOT = struct.pack("ii", 1, 0)
_NOTICE = notify_pb2.Response(
    retType=0, s2c=notify_pb2.S2C(type=1, event=notify_pb2.GatewayEvent(eventType=0, desc="."))
).SerializeToString()
SUCCESS_WITHOUT_FIGURES = b"\x08\x00\x22\x00"  # retType 0, and an s2c that holds nothing


class Mischief:
    """What a conversation does instead of replying as it should."""

    def __init__(
        self,
        faults: Faults,
        speech: Speech,
        stream: ByteStream,
        outbox: Outbox,
        clock: Callable[[], float],
        close: Callable[[], None],
        go_away: Callable[[float], None],
    ) -> None:
        self._faults = faults
        self._speech = speech
        self._stream = stream
        self._outbox = outbox
        self._clock = clock
        self._close = close
        self._go_away = go_away
        self._held: list[Callable[[], None]] = []
        self._deeds: Mapping[Fault, Callable[[Asked, Answer], None]] = {
            Fault.DROP: lambda asked, answer: None,
            Fault.DELAY: self._delay,
            Fault.DUPLICATE: self._duplicate,
            Fault.REORDER: self._reorder,
            Fault.WRONG_SERIAL: self._wrong_serial,
            Fault.WRONG_ID: self._wrong_id,
            Fault.BAD_PROTOBUF: self._bad_protobuf,
            Fault.MISSING_FIELDS: self._missing_fields,
            Fault.PUSH: self._push,
            Fault.PUSH_FLOOD: self._flood,
            Fault.TRUNCATED: self._truncate,
            Fault.CLOSE: lambda asked, answer: self._close(),
            Fault.RESET: self._reset,
            Fault.HALF_CLOSE: self._half_close,
            Fault.SILENT: lambda asked, answer: self._outbox.hush(),
            Fault.AWAY: lambda asked, answer: self._go_away(self._faults.away),
        }

    def play(self, fault: Fault, asked: Asked, answer: Answer) -> None:
        """Do it. What spoils the bytes of a message is the door's own matter."""
        deed = self._deeds.get(fault)
        if deed is not None:
            deed(asked, answer)
        else:
            data = self._speech.encode(asked.proto_id, asked.serial, answer)
            self._outbox.send(self._speech.spoil(fault, data))
        self._let_go()

    def replied(self) -> None:
        """A reply went out as it should: those held back for it follow."""
        self._let_go()

    def _reply(self, asked: Asked, answer: Answer) -> None:
        self._outbox.send(self._speech.encode(asked.proto_id, asked.serial, answer))

    def _delay(self, asked: Asked, answer: Answer) -> None:
        due = self._clock() + self._faults.lateness()
        self._outbox.later(due, lambda: self._reply(asked, answer))

    def _duplicate(self, asked: Asked, answer: Answer) -> None:
        self._reply(asked, answer)
        self._reply(asked, answer)

    def _reorder(self, asked: Asked, answer: Answer) -> None:
        def go() -> None:
            if go in self._held:
                self._held.remove(go)
                self._reply(asked, answer)

        # Held from after this play on, so that it is not let go by its own.
        self._outbox.later(self._clock(), lambda: self._held.append(go))
        self._outbox.later(self._clock() + _HELD_FOR, go)

    def _let_go(self) -> None:
        for go in list(self._held):
            go()

    def _wrong_serial(self, asked: Asked, answer: Answer) -> None:
        self._reply(asked._replace(serial=(asked.serial + 0x5EED) % 2**32), answer)

    def _wrong_id(self, asked: Asked, answer: Answer) -> None:
        self._reply(asked._replace(proto_id=asked.proto_id + 1), answer)

    def _bad_protobuf(self, asked: Asked, answer: Answer) -> None:
        self._reply(asked, answer._replace(body=b"\xff" * 7 + answer.body))

    def _missing_fields(self, asked: Asked, answer: Answer) -> None:
        self._reply(asked, answer._replace(body=SUCCESS_WITHOUT_FIGURES))

    def _push(self, asked: Asked, answer: Answer) -> None:
        notice = Answer(_NOTICE, "pushed")
        self._outbox.send(self._speech.encode(catalog.NOTIFY, asked.serial, notice))
        self._reply(asked, answer)

    def _flood(self, asked: Asked, answer: Answer) -> None:
        for serial in range(self._faults.flood):
            notice = Answer(_NOTICE, "pushed")
            self._outbox.send(self._speech.encode(catalog.NOTIFY, serial, notice))
        self._reply(asked, answer)

    def _truncate(self, asked: Asked, answer: Answer) -> None:
        data = self._speech.encode(asked.proto_id, asked.serial, answer)
        self._outbox.last_words(data[: len(data) // 2], self._close)

    def _reset(self, asked: Asked, answer: Answer) -> None:
        raw = self._stream.extra(SocketAttribute.raw_socket, None)
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._close()

    def _half_close(self, asked: Asked, answer: Answer) -> None:
        self._outbox.hush(self._send_eof)

    async def _send_eof(self) -> None:
        try:
            await self._stream.send_eof()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, NotImplementedError, OSError):
            self._close()  # TLS cannot close one way alone
