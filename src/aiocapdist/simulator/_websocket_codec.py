"""OpenD's WebSocket transport: the upgrade, and envelopes in binary messages."""

from __future__ import annotations

import logging

from google.protobuf.message import DecodeError

from .._extras import needs_extra
from .._pb import init_websocket_pb2
from .._protocol import catalog
from .._protocol.websocket_codec import REPLY_HEAD, REQUEST_HEAD, SIGN, key_digest
from ._codec import MAX_REQUEST_BODY, Request
from ._handlers import OK, Reply, RequestHandler
from .faults import Fault

# A logger outside the tree: nothing that an application configures makes it log keys.
_NO_LOG = logging.Logger("aiocapdist.simulator.websocket")  # noqa: LOG001
_NO_LOG.disabled = True
_OVER_LONG_FRAME = b"\x82\x7f" + (2**40).to_bytes(8, "big")  # announces a TiB
_WRONG_KEY = 4  # OpenD's own number is not known; clients only compare with 0


class WebSocketCodec:
    """The codec of the WebSocket transport. See :class:`~aiocapdist.simulator._codec.Codec`."""

    handshake_id = catalog.INIT_WEBSOCKET
    closes_idle = False  # the vendor's own client sends no keep-alives here

    def __init__(self, handler: RequestHandler, key: str) -> None:
        with needs_extra("ws", "the WebSocket transport"):
            from websockets.frames import Frame, Opcode
            from websockets.http11 import Request as UpgradeRequest
            from websockets.protocol import State
            from websockets.server import ServerProtocol
        self._protocol = ServerProtocol(
            max_size=MAX_REQUEST_BODY + REQUEST_HEAD.size, logger=_NO_LOG
        )
        self._handler = handler
        self._key_digest = key_digest(key)
        self._open_state = State.OPEN
        self._upgrade_request = UpgradeRequest
        self._frame = Frame
        self._data_opcodes = (Opcode.BINARY, Opcode.CONT)
        self._fragments: list[bytes] = []
        self.broken = False

    def receive_data(self, data: bytes) -> list[Request]:
        protocol = self._protocol
        protocol.receive_data(data)
        requests: list[Request] = []
        for event in protocol.events_received():
            if isinstance(event, self._upgrade_request):
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, self._frame) and event.opcode in self._data_opcodes:
                self._fragments.append(bytes(event.data))
                if event.fin:
                    requests.extend(self._decode(b"".join(self._fragments)))
                    self._fragments.clear()
        if protocol.handshake_exc or protocol.parser_exc or protocol.close_expected():
            self.broken = True
        return requests

    def data_to_send(self) -> bytes:
        return b"".join(self._protocol.data_to_send())

    def handle_handshake(self, body: bytes, conn_id: int) -> Reply:
        try:
            request = init_websocket_pb2.Request.FromString(body)
        except DecodeError:
            return self._handler.invalid()
        if self._key_digest and request.c2s.websocketKey != self._key_digest:
            return Reply(b"", "wrong key", error=_WRONG_KEY, error_text="wrong key")
        s2c = init_websocket_pb2.S2C(serverTime=self._handler.unix_time, connID=conn_id)
        response = init_websocket_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Reply(response.SerializeToString(), "answered")

    def handshake_completed(self) -> None:
        """The encoding is the same after the handshake."""

    def encode(self, proto_id: int, serial: int, reply: Reply) -> bytes:
        if self._protocol.state is self._open_state:
            text = reply.error_text.encode()[:20]
            head = REPLY_HEAD.pack(SIGN, proto_id, serial, reply.error, text)
            self._protocol.send_binary(head + reply.body)
        return self.data_to_send()

    def corrupt(self, fault: Fault, data: bytes) -> bytes:
        if fault is Fault.BAD_MAGIC:
            return data.replace(SIGN, SIGN.upper(), 1)
        if fault is Fault.OVER_LONG:
            return _OVER_LONG_FRAME + data
        return data

    def _decode(self, message: bytes) -> list[Request]:
        if len(message) < REQUEST_HEAD.size or not message.startswith(SIGN):
            self.broken = True
            return []
        _, proto_id, serial = REQUEST_HEAD.unpack_from(message)
        return [Request(proto_id, serial, message[REQUEST_HEAD.size :])]
