"""One client's connection to the simulator, from its greeting to its end."""

from __future__ import annotations

import math
from collections.abc import Callable

import anyio
from anyio.abc import ByteStream

from .._protocol import catalog
from ._fault_injector import Mischief
from ._handlers import Answer, Gateway
from ._request_log import LoggedRequest
from ._tcp_codec import Asked, Speech
from ._writer import Outbox
from .faults import Fault, Faults

SILENCE = 3.0  # keep-alive intervals without a byte: OpenD hangs up


class Conversation:
    """Reads requests, has them answered, and sends the answers when their time has come.

    ``delays`` draws for each request how long it is under way to the gateway, which is
    where it is counted, and how long its reply is.
    """

    def __init__(
        self,
        stream: ByteStream,
        speech: Speech,
        gateway: Gateway,
        *,
        conn_id: int,
        silence: float,
        delays: Callable[[], tuple[float, float]],
        faults: Faults,
        go_away: Callable[[float], None],
        clock: Callable[[], float],
        log: list[LoggedRequest],
    ) -> None:
        self.conn_id = conn_id
        self.ready = False
        self._stream = stream
        self._speech = speech
        self._gateway = gateway
        self._silence = silence if speech.silence_ends else math.inf
        self._delays = delays
        self._clock = clock
        self._log = log
        self._outbox = Outbox(stream, clock)
        self._scope = anyio.CancelScope()
        self._faults = faults
        self._mischief = Mischief(faults, speech, stream, self._outbox, clock, self.close, go_away)

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
        self._outbox.send(self._speech.encode(proto_id, 0, Answer(body, "pushed")))

    async def _read(self) -> None:
        try:
            while not self._speech.broken:
                with anyio.fail_after(self._silence):
                    data = await self._stream.receive(262_144)
                for asked in self._speech.feed(data):
                    self._receive(asked)
                if words := self._speech.own_words():
                    if self._speech.broken:  # a good-bye, or why not: then it is over
                        await self._stream.send(words)
                    else:
                        self._outbox.send(words)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            pass  # TimeoutError is an OSError: silent too long

    async def _write(self) -> None:
        try:
            await self._outbox.run()
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            self.close()  # EndOfStream: over TLS, writing too may be told that the peer has gone

    def _receive(self, asked: Asked) -> None:
        greets = asked.proto_id == self._speech.greeting
        if asked.body is None:
            self._write_down(asked, "damaged")
            if not self.ready:
                self.close()  # another key, or none: nothing after it could be understood
        elif greets:
            self._greet(asked, asked.body)
        elif not self.ready:
            self._write_down(asked, "too early")
            self.close()
        elif not asked.protobuf:
            self._decide(asked, self._gateway.invalid())
        else:
            self._travel(asked, asked.body)

    def _greet(self, asked: Asked, body: bytes) -> None:
        answer = self._speech.greet(body, self.conn_id)
        self._decide(asked, answer, self._faults.next(greeting=True))
        if answer.outcome == "answered":
            self.ready = True
            self._speech.let_in()

    def _travel(self, asked: Asked, body: bytes) -> None:
        """The way to the gateway and back, at the speed of the network."""
        there, back = self._delays()
        fault = None if asked.proto_id == catalog.KEEP_ALIVE else self._faults.next()
        if there == back == 0.0:
            self._reply(asked, self._answer(asked, body, fault), fault)
            return
        now = self._clock()

        def arrive() -> None:
            answer = self._answer(asked, body, fault)
            self._outbox.later(now + there + back, lambda: self._reply(asked, answer, fault))

        self._outbox.later(now + there, arrive)

    def _answer(self, asked: Asked, body: bytes, fault: Fault | None) -> Answer:
        if fault is Fault.REFUSE:
            answer = self._gateway.too_frequent()
        else:
            answer = self._gateway.answer(asked.proto_id, body, self.conn_id, self._clock())
            if fault is Fault.GATEWAY_ERROR and answer.outcome == "answered":
                answer = self._gateway.failed()._replace(code=answer.code)
        self._write_down(asked, answer.outcome, answer.code)
        return answer

    def _decide(self, asked: Asked, answer: Answer, fault: Fault | None = None) -> None:
        """Answered at the door: it never comes to the gateway."""
        self._write_down(asked, answer.outcome)
        self._reply(asked, answer, fault)

    def _reply(self, asked: Asked, answer: Answer, fault: Fault | None) -> None:
        if fault in (None, Fault.REFUSE, Fault.GATEWAY_ERROR):
            self._outbox.send(self._speech.encode(asked.proto_id, asked.serial, answer))
            self._mischief.replied()
        else:
            self._mischief.play(fault, asked, answer)

    def _write_down(self, asked: Asked, outcome: str, code: str | None = None) -> None:
        self._log.append(
            LoggedRequest(self._clock(), self.conn_id, asked.proto_id, asked.serial, code, outcome)
        )
