"""Row 17 of the promises: serials that wrap, and replies that are late, doubled, unasked or
under another id. Nothing is ever delivered to another than its own.

At scale 1: 7 500 wraps of a session's serials; the soak's are 100 000. Between two wraps the
four thousand million requests are left out, but not what they would have to get past: what
still flies, and the tombstones of what was forgotten or timed out.
"""

from __future__ import annotations

import random

from aiocapdist._protocol.flight import Flight
from aiocapdist._protocol.frames import Frame, encode_frame
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.session_events import (
    PushReceived,
    ReplyInvalid,
    ReplyOverdue,
    ReplyReceived,
    RequestSettled,
)
from aiocapdist._protocol.state import State

from .._protocol.peer import notice, ready, sent, with_bad_digest
from ..support.internals import set_last_serial, tombstones_in
from .scale import figure, scaled

WRAPS = scaled(7_500)
LAST = 2**32 - 1
PROTOS = (3212, 1002, 3211)
TIMEOUT = 4.0


class Wrapping:
    """A session near its last serial, again and again, and a server that misbehaves.

    Each request's body is its own name, and a reply's is "to" that name: so what is delivered
    tells by itself whether it was to somebody else.
    """

    def __init__(self, seed: int) -> None:
        self.drawn = random.Random(seed)
        self.now = 0.0
        self.session: Session[str] = ready(first_serial=LAST - 5, request_timeout=TIMEOUT)
        self.names = 0
        self.last_serial = 0
        self.flights: dict[str, Flight[str]] = {}  # whose end was not told yet
        self.unanswered: dict[tuple[int, int], Frame] = {}  # what the server may still reply to
        self.answered: list[Frame] = []  # and what it already did, lately

    def wrap(self) -> None:
        """Send two dozen requests across the wrap of the serials, with all kinds of replies."""
        before = LAST - self.drawn.randint(0, 12)
        set_last_serial(self.session, before)
        for _ in range(24):
            self.ask()
            if self.drawn.random() < 0.3:
                self.forget()
            if self.drawn.random() < 0.8:
                self.fetch()
            for _ in range(self.drawn.choice([0, 0, 1, 2])):
                self.reply()
        assert self.last_serial < before, "it did not wrap"
        if self.drawn.random() < 0.3:
            self.time_passes()

    # Requests

    def ask(self) -> None:
        self.names += 1
        name = str(self.names)
        taken = {*self.session.in_flight, *tombstones_in(self.session)}
        flight = self.session.request(self.drawn.choice(PROTOS), name.encode(), name, self.now)
        assert flight.serial not in taken, "a serial that is still in use"
        assert 1 <= flight.serial <= LAST
        self.flights[name] = flight
        self.last_serial = flight.serial

    def forget(self) -> None:
        """Cancel a request."""
        name = self.drawn.choice(list(self.flights))
        flight = self.flights[name]
        if flight.serial in self.session.in_flight and not self.session.cancel(flight):
            del self.flights[name]

    def fetch(self) -> None:
        for frame in sent(self.session):
            if frame.proto_id in PROTOS:
                self.unanswered[frame.proto_id, frame.serial] = frame

    # Receiving

    def reply(self) -> None:
        """Reply rightly, twice, damaged, unasked, or with another id."""
        draw = self.drawn.random()
        if draw < 0.7 and self.unanswered:
            frame = self.unanswered.pop(self.drawn.choice(list(self.unanswered)))
            self.answered = [*self.answered[-50:], frame]
            data = encode_frame(frame.proto_id, frame.serial, b"to " + frame.body)
            self.hear(with_bad_digest(data) if draw < 0.05 else data)
        elif draw < 0.8 and self.answered:  # once more
            frame = self.drawn.choice(self.answered)
            if self.is_free(frame.proto_id, frame.serial):
                self.hear(
                    encode_frame(frame.proto_id, frame.serial, b"to " + frame.body), none=True
                )
        elif draw < 0.9:  # under a serial that nobody asked with, or not under this id
            proto_id = self.drawn.choice([*PROTOS, 9999])
            serial = (LAST - 15 + self.drawn.randint(0, 40)) % 2**32
            if self.is_free(proto_id, serial):
                self.hear(encode_frame(proto_id, serial, b"to nobody"), none=True)
        elif self.flights:  # a push, with a live request's serial
            flight = self.flights[self.drawn.choice(list(self.flights))]
            events = self.session.receive_data(encode_frame(2208, flight.serial, b""), self.now)
            assert events == [PushReceived(2208, b"")]

    def is_free(self, proto_id: int, serial: int) -> bool:
        """True if no request of this id and serial is unanswered."""
        return (proto_id, serial) not in self.unanswered

    def hear(self, data: bytes, *, none: bool = False) -> None:
        events = self.session.receive_data(data, self.now)
        for event in events:
            assert isinstance(event, ReplyReceived | ReplyInvalid | RequestSettled)
            name = event.flight.ref
            assert name is not None
            if isinstance(event, ReplyReceived):
                assert event.body == b"to " + name.encode(), "somebody else's reply"
            self.tell(name)
        assert not (none and events), f"delivered, and nobody had asked: {events}"

    def time_passes(self) -> None:
        """Let requests time out and tombstones expire."""
        self.now += self.drawn.choice([1.0, 3.0, 5.0, 20.0])
        self.session.receive_data(notice(), self.now)
        for event in self.session.handle_timer(self.now, 0.0):
            assert isinstance(event, ReplyOverdue | RequestSettled)
            name = event.flight.ref
            assert name is not None
            if isinstance(event, RequestSettled) or not event.flight.written:
                self.tell(name)
                # Expired after 60 s: this server does not reply to it any more.
                self.unanswered.pop((event.flight.proto_id, event.flight.serial), None)

    def tell(self, name: str) -> None:
        """Record the end of a request, which must occur once."""
        assert name in self.flights, "its end was told before"
        del self.flights[name]


def test_no_request_gets_the_reply_of_another_when_serials_wrap() -> None:
    world = Wrapping(seed=17)
    for _ in range(WRAPS):
        world.wrap()
        assert world.session.state is State.READY
        known = [*world.session.in_flight.values(), *tombstones_in(world.session).values()]
        mine = {flight.ref for flight in known if flight.ref is not None}
        assert mine == set(world.flights)
    figure(17, wraps=WRAPS, requests=world.names, wrong_deliveries=0)
