"""A session driven by a fuzzer's bytes: calls, messages of OpenD, time.

Whatever comes, the session raises nothing, gives each request one end at the most, and hands
no body to a request that it was not made for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiocapdist._protocol.codec import Codec
from aiocapdist._protocol.flight import Flight
from aiocapdist._protocol.frames import encode_frame
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.session_events import (
    HandshakeCompleted,
    PushReceived,
    ReplyInvalid,
    ReplyOverdue,
    ReplyReceived,
    RequestSettled,
)
from aiocapdist._protocol.state import State
from aiocapdist.errors import AiocapdistError

from .tape import Tape

Say = Callable[[int, int, bytes, bool], bytes]
"""Returns what OpenD sends for (proto id, serial, clear body, whether it is valid)."""

ASKED = (3212, 1002, 3211)
PUSHED = (1003, 2208)
LIVE, FORGOTTEN = "waited for", "forgotten"
MOST_STEPS = 60


class Conversation:
    """``handshake_reply`` is the proto id of the handshake and the body of its reply."""

    def __init__(
        self, codec: Codec, say: Say, handshake_reply: tuple[int, bytes], *, whole: bool
    ) -> None:
        self.session: Session[int] = Session(codec, first_serial=2**32 - 4, request_timeout=4.0)
        self._say = say
        self._let_in = handshake_reply
        self._whole = whole  # messages, not a stream
        self._now = 0.0
        self._refs: dict[int, str] = {}  # those that have not ended, and whether one waits
        self._flights: list[Flight[int]] = []
        self._owners: dict[bytes, tuple[int, int]] = {}
        self.errors: list[str] = []  # of invalid replies
        self._raw = False  # once bytes came that nobody made, a body may be anybody's

    def play(self, tape: Tape) -> None:
        self.session.start(self._now, 5.0)
        for _ in range(MOST_STEPS):
            if tape.ended:
                break
            tape.pick(_STEPS)(self, tape)
            self._look()
        self.session.close(ConnectionResetError("over"))
        waiting, forgotten = self.session.drain()
        assert {flight.ref for flight in waiting} == self._of(LIVE)
        assert {flight.ref for flight in forgotten} == self._of(FORGOTTEN)

    def _of(self, state: str) -> set[int | None]:
        return {ref for ref, its in self._refs.items() if its == state}

    def _look(self) -> None:
        session = self.session
        cause = session.cause
        assert (cause is None) == (session.state is not State.CLOSED)
        # Neither documented nor the system's would be a bug of ours that reached the user.
        assert cause is None or isinstance(cause, AiocapdistError)
        due = session.get_timer()
        assert (due is None) == (session.state in (State.IDLE, State.CLOSED))

    # Calls of the user

    def welcome(self, tape: Tape) -> None:
        """Complete the handshake once it was sent."""
        self.session.data_to_send()
        proto_id, body = self._let_in
        self._hear(self._say(proto_id, 2**32 - 3, body, True), tape)

    def ask(self, tape: Tape) -> None:
        if self.session.state is State.READY:
            ref = len(self._flights)
            proto_id = tape.pick(ASKED)
            self._flights.append(self.session.request(proto_id, b"?", ref, self._now))
            self._refs[ref] = LIVE

    def fetch(self, tape: Tape) -> None:
        assert all(self.session.data_to_send())

    def forget(self, tape: Tape) -> None:
        if self._flights:
            flight = tape.pick(self._flights)
            assert flight.ref is not None
            live = self._refs.get(flight.ref) == LIVE
            may_have_left = self.session.cancel(flight)
            assert may_have_left == flight.written
            if live and may_have_left:
                self._refs[flight.ref] = FORGOTTEN
            elif live:
                del self._refs[flight.ref]

    def wait(self, tape: Tape) -> None:
        """Let time pass: a little, more, or until the timer."""
        due = self.session.get_timer()
        choices = (self._now + 0.1, self._now + 3.0, self._now if due is None else due)
        self._now = max(self._now, tape.pick(choices))
        self._told(self.session.handle_timer(self._now, self._now))

    # Messages of OpenD

    def answer(self, tape: Tape) -> None:
        self._answer(tape, sound=True)

    def answer_unsoundly(self, tape: Tape) -> None:
        self._answer(tape, sound=False)

    def _answer(self, tape: Tape, *, sound: bool) -> None:
        if self._flights:
            flight = tape.pick(self._flights)
            proto_id, serial = flight.proto_id, flight.serial
            serial = (serial + tape.pick((0, 0, 0, 1, 2))) % 2**32
            body = b"%d %d " % (proto_id, serial) + tape.take(40)
            self._owners[body] = (proto_id, serial)
            self._hear(self._say(proto_id, serial, body, sound), tape)

    def push(self, tape: Tape) -> None:
        serial = tape.pick(self._flights).serial if self._flights else 1
        self._hear(self._say(tape.pick(PUSHED), serial, tape.take(40), True), tape)

    def babble(self, tape: Tape) -> None:
        self._raw = True
        self._hear(tape.take(255), tape)

    def tear(self, tape: Tape) -> None:
        """A valid message with its end cut off, or one byte changed."""
        self._raw = True
        message = bytearray(self._say(tape.pick(ASKED), tape.number(256), tape.take(40), True))
        if tape.number(2):
            message[tape.number(len(message))] = tape.number(256)
        else:
            del message[tape.number(len(message)) :]
        self._hear(bytes(message), tape)

    def babble_within_a_frame(self, tape: Tape) -> None:
        """A valid head with an arbitrary body, not encrypted."""
        self._raw = True
        proto_id = tape.pick((*ASKED, 1001, 1004, 1, 2, 9999))
        self._hear(encode_frame(proto_id, tape.number(256), tape.take(255)), tape)

    def _hear(self, data: bytes, tape: Tape) -> None:
        for piece in [data] if self._whole else tape.cut(data):
            if piece:
                self._told(self.session.receive_data(piece, self._now))

    # Receiving of it

    def _told(self, events: list[Any]) -> None:
        for event in events:
            match event:
                case ReplyReceived(flight, body):
                    self._ended(flight, LIVE)
                    assert self._raw or self._owners[body] == (flight.proto_id, flight.serial)
                case ReplyInvalid(flight, error):
                    self._ended(flight, LIVE)
                    assert isinstance(error, AiocapdistError)
                    self.errors.append(str(error))
                case ReplyOverdue(flight):
                    self._ended(flight, LIVE)
                    if flight.written:
                        assert flight.ref is not None
                        self._refs[flight.ref] = FORGOTTEN
                case RequestSettled(flight, _):
                    self._ended(flight, FORGOTTEN)
                case HandshakeCompleted(welcome):
                    assert welcome.keep_alive_interval > 0
                case PushReceived(proto_id, _):
                    assert proto_id in PUSHED or self._raw

    def _ended(self, flight: Flight[int], state: str) -> None:
        assert flight.ref is not None
        assert self._refs.pop(flight.ref) == state


_STEPS = (
    *(Conversation.welcome, Conversation.ask, Conversation.ask, Conversation.fetch),
    *(Conversation.answer, Conversation.answer, Conversation.answer_unsoundly),
    *(Conversation.forget, Conversation.wait, Conversation.push),
    *(Conversation.babble, Conversation.babble_within_a_frame, Conversation.tear),
)
