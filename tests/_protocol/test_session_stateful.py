"""The session compared with a model, under random calls and messages."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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

from ..support.internals import copy_of
from .peer import as_json, notice, ready, sent, with_bad_digest

Key = tuple[int, int]
"""Proto id and serial of a request."""


def key_of(flight: Flight[str]) -> Key:
    return flight.proto_id, flight.serial


LAST = 2**32 - 1
TIMEOUT = 4.0
EXPECTED = 60.0  # seconds after its sending that a forgotten request's reply may come
SERIALS = st.integers(0, 40).map(lambda n: (LAST - 10 + n) % 2**32) | st.integers(0, LAST)


class Conversation(RuleBasedStateMachine):
    """The model knows each request by its ref, and which request each frame belongs to."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.serial = 0
        self.session: Session[str] = ready()
        self.flights: dict[str, Flight[str]] = {}  # all there ever were
        self.unsent: dict[str, Key] = {}
        self.waiting: dict[str, Key] = {}  # sent, and someone waits
        self.buried: dict[str, Key] = {}  # sent, and nobody waits
        self.ended: set[str] = set()
        self.seen: list[Frame] = []  # what OpenD read, answered or not

    @initialize(first=SERIALS)
    def begin(self, first: int) -> None:
        self.session = ready(first_serial=first, request_timeout=TIMEOUT)
        self.serial = first % LAST + 1

    # Calls of the user

    @rule(proto_id=st.sampled_from([3212, 1002, 3211]))
    def ask(self, proto_id: int) -> None:
        ref = str(len(self.flights))
        flight = self.session.request(proto_id, ref.encode(), ref, self.now)
        assert flight.proto_id == proto_id
        assert 1 <= (flight.serial - self.serial) % LAST <= 50  # keep-alives take some too
        self.serial = flight.serial
        self.flights[ref] = flight
        self.unsent[ref] = key_of(flight)

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(sorted(self.flights)))
        was_unsent = self.unsent.pop(ref, None) is not None
        if ref in self.waiting:
            self.buried[ref] = self.waiting.pop(ref)
        elif was_unsent:
            self.end(ref)
        if was_unsent or self.flights[ref].written:  # else it timed out in the queue
            assert self.session.cancel(self.flights[ref]) is not was_unsent

    @rule()
    def fetch(self) -> None:
        frames = [frame for frame in sent(self.session) if frame.proto_id != 1004]
        assert [(frame.proto_id, frame.serial) for frame in frames] == list(self.unsent.values())
        assert [frame.body.decode() for frame in frames] == list(self.unsent)
        self.seen += frames
        self.waiting |= self.unsent
        self.unsent = {}

    # Messages of OpenD

    def outcome(self, key: Key, body: bytes | None) -> list[object]:
        """Return the expected event for a frame of this key; ``body`` is None for a damaged one."""
        for ref, its_key in self.waiting.items():
            if its_key == key:
                del self.waiting[ref]
                self.end(ref)
                return [(ReplyInvalid if body is None else ReplyReceived, ref, body)]
        for ref, its_key in self.buried.items():
            if its_key == key:
                del self.buried[ref]
                self.end(ref)
                return [(RequestSettled, ref, True)]
        return []

    def hear(self, data: bytes) -> list[object]:
        return [self.shown(event) for event in self.session.receive_data(data, self.now)]

    def shown(self, event: object) -> object:
        match event:
            case ReplyReceived(flight, body):
                return ReplyReceived, flight.ref, body
            case ReplyInvalid(flight, _):
                return ReplyInvalid, flight.ref, None
            case RequestSettled(flight, late):
                return RequestSettled, flight.ref, late
            case ReplyOverdue(flight):
                return ReplyOverdue, flight.ref
            case _:
                return event

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), spoil=st.sampled_from([None, None, with_bad_digest, as_json]))
    def reply(self, data: st.DataObject, spoil: object) -> None:
        """Reply to any request ever received, perhaps again."""
        frame = data.draw(st.sampled_from(self.seen))
        body = b"to " + frame.body
        reply = encode_frame(frame.proto_id, frame.serial, body)
        wanted = self.outcome((frame.proto_id, frame.serial), None if spoil else body)
        assert self.hear(spoil(reply) if callable(spoil) else reply) == wanted

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def reply_to_all(self, data: st.DataObject) -> None:
        """Reply to several requests, in any order, in one read."""
        stream, wanted = b"", []
        for frame in data.draw(st.permutations(self.seen)):
            stream += encode_frame(frame.proto_id, frame.serial, frame.body)
            wanted += self.outcome((frame.proto_id, frame.serial), frame.body)
        assert self.hear(stream) == wanted

    @precondition(lambda self: self.seen)
    @rule(
        data=st.data(),
        proto_id=st.sampled_from([3212, 1002, 3211, 1001, 1004, 9999]),
        later=st.integers(0, 3),
    )
    def reply_unasked(self, data: st.DataObject, proto_id: int, later: int) -> None:
        """Reply with another proto id, or with an unused serial."""
        serial = (data.draw(st.sampled_from(self.seen)).serial + later) % 2**32
        if (proto_id, serial) not in self.unsent.values():
            wanted = self.outcome((proto_id, serial), b"whose?")
            assert self.hear(encode_frame(proto_id, serial, b"whose?")) == wanted

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def push_with_a_requests_serial(self, data: st.DataObject) -> None:
        flight = self.flights[data.draw(st.sampled_from(sorted(self.flights)))]
        assert self.hear(encode_frame(2208, flight.serial, b"")) == [PushReceived(2208, b"")]

    # Time

    @rule(eighths=st.integers(1, 30) | st.integers(1, 160))
    def time_passes(self, eighths: int) -> None:
        """Let time pass, but less than what would end the connection."""
        self.now += eighths / 8
        self.session.receive_data(notice(), self.now)
        events = self.session.handle_timer(self.now, 0.0)
        assert [self.shown(event) for event in events] == [*self.timeouts(), *self.expiries()]

    def timeouts(self) -> list[object]:
        # Refs are numbers in order of sending.
        live = sorted((self.waiting | self.unsent).items(), key=lambda item: int(item[0]))
        late = [ref for ref, _ in live if self.flights[ref].sent_at + TIMEOUT <= self.now]
        for ref in late:
            if ref in self.waiting:
                self.buried[ref] = self.waiting.pop(ref)
            else:
                del self.unsent[ref]
                self.end(ref)
        return [(ReplyOverdue, ref) for ref in late]

    def expiries(self) -> list[object]:
        over = [ref for ref in self.buried if self.flights[ref].sent_at + EXPECTED <= self.now]
        over.sort(key=lambda ref: (self.flights[ref].sent_at, self.flights[ref].serial))
        for ref in over:
            del self.buried[ref]
            self.end(ref)
        return [(RequestSettled, ref, False) for ref in over]

    # Invariants

    def end(self, ref: str) -> None:
        assert ref not in self.ended, "ended twice"
        self.ended.add(ref)

    @invariant()
    def the_tables_agree_with_the_model(self) -> None:
        waiting, buried = copy_of(self.session).drain()
        assert {flight.ref: key_of(flight) for flight in waiting} == self.waiting | self.unsent
        assert {flight.ref: key_of(flight) for flight in buried} == self.buried

    @invariant()
    def no_two_in_flight_share_an_id_and_a_serial(self) -> None:
        keys = [*self.waiting.values(), *self.unsent.values(), *self.buried.values()]
        assert len(set(keys)) == len(keys)
        assert all(1 <= serial <= LAST for _, serial in keys)

    @invariant()
    def the_session_goes_on(self) -> None:
        assert self.session.state is State.READY
        assert (self.session.get_timer() or 0.0) > self.now

    def teardown(self) -> None:
        self.session.close(ConnectionResetError("reset"))
        waiting, buried = self.session.drain()
        for flight in [*waiting, *buried]:
            self.end(flight.ref or "")
        assert self.ended == set(self.flights)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=100, stateful_step_count=40)
