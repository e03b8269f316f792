"""One client's connection to the simulator, from its greeting to its end."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from anyio.abc import ByteStream

from .._protocol import catalog
from .._protocol.ciphers import CLEAR, Cipher
from .._protocol.frames import PROTOBUF, Frame, FrameDecoder, digest_of, encode_frame
from ._answers import Answer, Gateway
from ._log import LoggedRequest
from ._outbox import Outbox

REQUEST_CAP = 65_536
SILENCE = 3.0  # keep-alive intervals without a byte: OpenD hangs up


class Conversation:
    """Reads requests, has them answered, and sends the answers when their time has come.

    ``delays`` draws for each request how long it is under way to the gateway, which is
    where it is counted, and how long its reply is.
    """

    def __init__(
        self,
        stream: ByteStream,
        gateway: Gateway,
        *,
        conn_id: int,
        key: str,
        iv: str,
        silence: float,
        delays: Callable[[], tuple[float, float]],
        clock: Callable[[], float],
        log: list[LoggedRequest],
    ) -> None:
        self.conn_id = conn_id
        self.ready = False
        self._stream = stream
        self._gateway = gateway
        self._key = key
        self._iv = iv
        self._silence = silence
        self._delays = delays
        self._clock = clock
        self._log = log
        self._cipher: Cipher = CLEAR
        self._decoder = FrameDecoder(lambda proto_id: REQUEST_CAP)
        self._outbox = Outbox(stream, clock)
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Talk until either side has had enough."""
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._write)
                    await self._read()
                    group.cancel_scope.cancel()
        finally:
            await anyio.aclose_forcefully(self._stream)

    def close(self) -> None:
        """Hang up."""
        self._scope.cancel()

    def push(self, proto_id: int, body: bytes) -> None:
        """Say something unasked. Its serial is the gateway's own."""
        self._send(proto_id, 0, body)

    async def _read(self) -> None:
        try:
            while self._decoder.broken is None:
                with anyio.fail_after(self._silence):
                    data = await self._stream.receive(262_144)
                for frame in self._decoder.feed(data):
                    self._receive(frame)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            pass  # TimeoutError is an OSError: silent too long

    async def _write(self) -> None:
        try:
            await self._outbox.run()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            self.close()

    def _receive(self, frame: Frame) -> None:
        body = self._cipher.open(frame.body)
        if digest_of(body) != frame.digest:
            self._write_down(frame, "damaged")
        elif frame.proto_id == catalog.INIT_CONNECT:
            self._greet(frame, body)
        elif not self.ready:
            self._write_down(frame, "too early")
            self.close()
        elif frame.body_format != PROTOBUF:
            self._reply(frame, self._gateway.invalid())
        else:
            self._travel(frame, body)

    def _greet(self, frame: Frame, body: bytes) -> None:
        answer = self._gateway.greet(body, self.conn_id, self._key, self._iv)
        self.ready = answer.outcome == "answered"
        self._reply(frame, answer)

    def _travel(self, frame: Frame, body: bytes) -> None:
        """The way to the gateway and back, at the speed of the network."""
        there, back = self._delays()
        if there == back == 0.0:
            self._reply(frame, self._answer(frame, body))
            return
        now = self._clock()

        def arrive() -> None:
            answer = self._answer(frame, body)
            self._outbox.later(now + there + back, lambda: self._reply(frame, answer))

        self._outbox.later(now + there, arrive)

    def _answer(self, frame: Frame, body: bytes) -> Answer:
        answer = self._gateway.answer(frame.proto_id, body, self.conn_id, self._clock())
        self._write_down(frame, answer.outcome, answer.code)
        return answer

    def _reply(self, frame: Frame, answer: Answer) -> None:
        if frame.proto_id == catalog.INIT_CONNECT or frame.body_format != PROTOBUF:
            self._write_down(frame, answer.outcome)
        self._send(frame.proto_id, frame.serial, answer.body)

    def _send(self, proto_id: int, serial: int, body: bytes) -> None:
        sealed = self._cipher.seal(body)
        self._outbox.send(encode_frame(proto_id, serial, sealed, digest_of(body)))

    def _write_down(self, frame: Frame, outcome: str, code: str | None = None) -> None:
        self._log.append(
            LoggedRequest(
                self._clock(), self.conn_id, frame.proto_id, frame.serial, code, outcome
            )
        )
