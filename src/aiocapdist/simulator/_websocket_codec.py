"""The simulator's WebSocket door: the upgrade, and envelopes in binary messages."""

from __future__ import annotations

import logging

from google.protobuf.message import DecodeError

from .._extras import needs_extra
from .._pb import init_websocket_pb2
from .._protocol import catalog
from .._protocol.websocket import REPLY_HEAD, REQUEST_HEAD, SIGN, key_digest
from ._handlers import OK, Answer, Gateway
from ._tcp_codec import REQUEST_CAP, Asked
from .faults import Fault

_SILENT = logging.Logger("aiocapdist.simulator.websocket")  # noqa: LOG001 - see the client's
_SILENT.disabled = True
_ENDLESS = b"\x82\x7f" + (2**40).to_bytes(8, "big")  # a binary frame of a TiB
_WRONG_KEY = 4  # which number OpenD gives is not known; the vendor's client asks for 0 or not


class WebSocketSpeech:
    """See :class:`~aiocapdist.simulator._tcp_codec.Speech`."""

    greeting = catalog.INIT_WEBSOCKET
    silence_ends = False  # the vendor's own client says nothing of itself here

    def __init__(self, gateway: Gateway, key: str) -> None:
        with needs_extra("ws", "the WebSocket door"):
            from websockets.frames import Frame, Opcode
            from websockets.http11 import Request
            from websockets.protocol import State
            from websockets.server import ServerProtocol
        self._protocol = ServerProtocol(max_size=REQUEST_CAP + REQUEST_HEAD.size, logger=_SILENT)
        self._gateway = gateway
        self._key_digest = key_digest(key)
        self._open = State.OPEN
        self._request = Request
        self._frame = Frame
        self._data = (Opcode.BINARY, Opcode.CONT)
        self._parts: list[bytes] = []
        self.broken = False

    def feed(self, data: bytes) -> list[Asked]:
        protocol = self._protocol
        protocol.receive_data(data)
        asked: list[Asked] = []
        for event in protocol.events_received():
            if isinstance(event, self._request):
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, self._frame) and event.opcode in self._data:
                self._parts.append(bytes(event.data))
                if event.fin:
                    asked.extend(self._take(b"".join(self._parts)))
                    self._parts.clear()
        if protocol.handshake_exc or protocol.parser_exc or protocol.close_expected():
            self.broken = True
        return asked

    def _take(self, message: bytes) -> list[Asked]:
        if len(message) < REQUEST_HEAD.size or not message.startswith(SIGN):
            self.broken = True
            return []
        _, proto_id, serial = REQUEST_HEAD.unpack_from(message)
        return [Asked(proto_id, serial, message[REQUEST_HEAD.size :])]

    def own_words(self) -> bytes:
        return b"".join(self._protocol.data_to_send())

    def greet(self, body: bytes, conn_id: int) -> Answer:
        try:
            request = init_websocket_pb2.Request.FromString(body)
        except DecodeError:
            return self._gateway.invalid()
        if self._key_digest and request.c2s.websocketKey != self._key_digest:
            return Answer(b"", "wrong key", error=_WRONG_KEY, error_text="wrong key")
        s2c = init_websocket_pb2.S2C(serverTime=self._gateway.utc, connID=conn_id)
        response = init_websocket_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Answer(response.SerializeToString(), "answered")

    def encode(self, proto_id: int, serial: int, answer: Answer) -> bytes:
        if self._protocol.state is self._open:
            text = answer.error_text.encode()[:20]
            head = REPLY_HEAD.pack(SIGN, proto_id, serial, answer.error, text)
            self._protocol.send_binary(head + answer.body)
        return self.own_words()

    def spoil(self, fault: Fault, data: bytes) -> bytes:
        if fault is Fault.BAD_MAGIC:
            return data.replace(SIGN, SIGN.upper(), 1)
        if fault is Fault.OVER_LONG:
            return _ENDLESS + data
        return data

    def let_in(self) -> None:
        """Nothing changes."""
