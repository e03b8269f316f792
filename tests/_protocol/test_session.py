"""States of a session: transitions, handshake, closing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest

from aiocapdist._pb import init_connect_pb2
from aiocapdist._protocol import state as module
from aiocapdist._protocol.frames import encode_frame
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.session_events import HandshakeCompleted, PushReceived, ReplyReceived
from aiocapdist._protocol.state import TRANSITIONS, InvalidTransition, State, Trigger
from aiocapdist.errors import OpenDError, ProtocolError

from ..support.internals import buffered_in
from .peer import answer, fresh, handshake_reply, notice, ready, sent, with_bad_digest

LEGAL = {
    (State.IDLE, Trigger.STARTED): State.HANDSHAKE,
    (State.IDLE, Trigger.CLOSED): State.CLOSED,
    (State.HANDSHAKE, Trigger.HANDSHAKE_COMPLETED): State.READY,
    (State.HANDSHAKE, Trigger.CLOSED): State.CLOSED,
    (State.READY, Trigger.CLOSED): State.CLOSED,
}


def in_state(state: State) -> Session[str]:
    """Return a session in this state."""
    if state is State.READY:
        return ready()
    session = fresh()
    if state is State.HANDSHAKE:
        session.start(0.0, 5.0)
    elif state is State.CLOSED:
        session.close(ConnectionResetError("gone"))
    assert session.state is state
    return session


# Transitions


@pytest.mark.parametrize(("state", "trigger"), list(itertools.product(State, Trigger)))
def test_every_trigger_in_every_state_has_a_transition_or_an_error(
    state: State, trigger: Trigger
) -> None:
    session = in_state(state)
    if (state, trigger) in LEGAL:
        session._move(trigger)
        assert session.state is LEGAL[state, trigger]
    else:
        with pytest.raises(InvalidTransition):
            session._move(trigger)
        assert session.state is state


def test_the_diagram_shows_the_table() -> None:
    """Arrows of the first line have labels; those below start under a state."""
    row, _, corners = re.findall(r"^    (.*\S)$", module.__doc__ or "", re.MULTILINE)
    drawn = {
        (State[start], Trigger[label]): State[end]
        for start, label, end in re.findall(r"(\w+) ─+([A-Z_]+)─+▶ (?=(\w+))", row)
    }
    end = State[corners.split()[-1]]
    for name in re.finditer(r"[A-Z]+", row):
        if any(corners[at] in "└┴" for at in range(*name.span())):
            drawn[State[name[0]], Trigger.CLOSED] = end
    assert corners.count("CLOSED──") == 2
    assert drawn == LEGAL
    assert drawn == {
        (state, trigger): target
        for state, row in TRANSITIONS.items()
        for trigger, target in row.items()
    }


ACTIONS: dict[str, Callable[[Session[str]], object]] = {
    "a welcome": lambda session: session.receive_data(
        encode_frame(1001, 1, handshake_reply()), 1.0
    ),
    "a refusal": lambda session: session.receive_data(encode_frame(1001, 1, b""), 1.0),
    "a notice": lambda session: session.receive_data(notice(), 1.0),
    "a reply to nobody": lambda session: session.receive_data(encode_frame(3212, 1, b""), 1.0),
    "a wrong magic": lambda session: session.receive_data(b"HTTP", 1.0),
    "time": lambda session: session.handle_timer(1000.0, 0.0),
    "asking for the time": lambda session: session.get_timer(),
    "sending": lambda session: session.data_to_send(),
    "the end": lambda session: session.close(ConnectionResetError("again")),
    "draining": lambda session: session.drain(),
}


@pytest.mark.parametrize("state", State)
def test_no_sequence_of_calls_causes_an_invalid_transition(state: State) -> None:
    for actions in itertools.product(ACTIONS, repeat=3):
        session = in_state(state)
        for action in actions:
            before = session.state
            ACTIONS[action](session)
            assert session.state is before or session.state in TRANSITIONS[before].values()
        assert (session.cause is None) == (session.state is not State.CLOSED), actions


@pytest.mark.parametrize("state", [State.HANDSHAKE, State.READY, State.CLOSED])
def test_a_session_is_started_once(state: State) -> None:
    with pytest.raises(InvalidTransition):
        in_state(state).start(0.0, 5.0)


@pytest.mark.parametrize("state", [State.IDLE, State.HANDSHAKE])
def test_requests_need_a_ready_session(state: State) -> None:
    session = in_state(state)
    session.data_to_send()
    with pytest.raises(AssertionError):
        session.request(3212, b"", "ref", 0.0)
    assert session.data_to_send() == []


def test_a_request_after_the_end_is_lost_with_the_others_and_unsent() -> None:
    """One read may bring a reply, which lets the next request go, and the end of the stream."""
    session = in_state(State.CLOSED)
    session.data_to_send()
    session.drain()
    flight = session.request(3212, b"", "ref", 0.0)
    assert session.data_to_send() == []
    waiting, _ = session.drain()
    assert list(waiting) == [flight]
    assert not flight.written


# Handshake


def test_the_handshake_reply_makes_a_session_ready() -> None:
    session = fresh()
    session.start(0.0, 5.0)
    (greeting,) = sent(session)
    assert (greeting.proto_id, sent(session)) == (1001, [])
    (event,) = session.receive_data(answer(greeting, handshake_reply()), 1.0)
    assert isinstance(event, HandshakeCompleted)
    assert event.result is session.handshake_result
    assert event.result.conn_id == 2**63
    assert (session.state, session.cause) == (State.READY, None)


def test_a_second_handshake_reply_is_ignored() -> None:
    session = fresh()
    session.start(0.0, 5.0)
    (greeting,) = sent(session)
    session.receive_data(answer(greeting, handshake_reply()), 1.0)
    assert session.receive_data(answer(greeting, handshake_reply(connID=1)), 1.0) == []
    assert session.handshake_result is not None
    assert session.handshake_result.conn_id == 2**63


def test_a_notice_may_arrive_before_the_handshake_reply() -> None:
    session = in_state(State.HANDSHAKE)
    (event,) = session.receive_data(notice(serial=1), 1.0)
    assert isinstance(event, PushReceived)
    assert session.state is State.HANDSHAKE


@pytest.mark.parametrize("serial", [0, 2, 2**32 - 1])
def test_a_handshake_reply_with_another_serial_is_ignored(serial: int) -> None:
    session = in_state(State.HANDSHAKE)
    sent(session)
    assert session.receive_data(encode_frame(1001, serial, handshake_reply()), 1.0) == []
    assert session.state is State.HANDSHAKE


REFUSED = init_connect_pb2.Response(retType=-1, retMsg="full").SerializeToString()


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (encode_frame(1001, 1, REFUSED), OpenDError, "OpenD answered -1: full"),
        (encode_frame(1001, 1, b""), ProtocolError, "lacks required fields"),
        (with_bad_digest(encode_frame(1001, 1, handshake_reply())), ProtocolError, "digest"),
        (b"220 ftp ready\r\n", ProtocolError, "speaks SMTP or FTP"),
    ],
    ids=["refused", "no welcome", "damaged", "another protocol"],
)
def test_an_invalid_handshake_reply_closes_the_session_with_its_cause(
    reply: bytes, kind: type[Exception], text: str
) -> None:
    session = in_state(State.HANDSHAKE)
    sent(session)
    assert session.receive_data(reply, 1.0) == []
    assert session.state is State.CLOSED
    assert isinstance(session.cause, kind)
    assert text in str(session.cause)
    assert session.handshake_result is None


# Closing


def test_the_first_cause_is_kept() -> None:
    session = ready()
    first = ConnectionResetError("reset")
    session.close(first)
    session.close(ConnectionAbortedError("closed on this side"))
    session.receive_data(b"HTTP", 1.0)
    session.handle_timer(1000.0, 0.0)
    assert session.cause is first


def test_drain_returns_what_was_in_flight_once_in_order_of_sending() -> None:
    session = ready()
    one, gone, two = (session.request(3212, b"", ref, 0.0) for ref in ("one", "gone", "two"))
    assert session.handle_timer(8.0, 0.0) == []  # a keep-alive, which concerns no one
    sent(session)
    session.cancel(gone)
    last = session.request(3212, b"", "last", 9.0)
    session.close(ConnectionResetError("reset"))
    assert session.drain() == ([one, two, last], [gone])
    assert [flight.written for flight in (one, two, gone, last)] == [True, True, True, False]
    assert session.drain() == ([], [])
    assert session.data_to_send() == []


def test_drain_drops_half_a_frame() -> None:
    session = ready()
    session.receive_data(notice()[:-1], 1.0)
    session.close(ConnectionResetError("reset"))
    assert buffered_in(session) == len(notice()) - 1
    session.drain()
    assert buffered_in(session) == 0


def test_bytes_after_closing_are_ignored() -> None:
    session = ready()
    session.request(3212, b"", "ref", 0.0)
    (request,) = sent(session)
    session.close(ConnectionResetError("reset"))
    assert session.receive_data(answer(request, b"") + notice(), 1.0) == []
    waiting, forgotten = session.drain()
    assert [flight.ref for flight in waiting] == ["ref"]
    assert forgotten == []


def test_replies_before_an_error_in_the_stream_are_returned() -> None:
    session = ready()
    for ref in ("first", "second"):
        session.request(3212, b"", ref, 0.0)
    first, second = sent(session)
    events = session.receive_data(answer(first, b"1") + b"XX" + answer(second, b"2"), 1.0)
    assert [
        (event.flight.ref, event.body) for event in events if isinstance(event, ReplyReceived)
    ] == [("first", b"1")]
    assert session.state is State.CLOSED
    assert isinstance(session.cause, ProtocolError)
    waiting, _ = session.drain()
    assert [flight.ref for flight in waiting] == ["second"]
