"""Sending requests, and cancelling sent and unsent ones."""

from __future__ import annotations

from aiocapdist._protocol.frames import encode_frame
from aiocapdist._protocol.session_events import RequestSettled

from .peer import answer, ask, fresh, ready, sent, with_bad_digest


def test_messages_are_returned_once_in_order_and_marked_as_written() -> None:
    session = fresh()
    assert session.data_to_send() == []
    session = ready()
    flights = ask(session, "a", "b")
    assert [flight.written for flight in flights] == [False, False]
    assert [frame.body for frame in sent(session)] == [b"a", b"b"]
    assert [flight.written for flight in flights] == [True, True]
    assert session.data_to_send() == []


def test_a_request_cancelled_before_it_was_written_leaves_no_trace() -> None:
    session = ready()
    keep, gone = ask(session, "keep", "gone")
    assert session.cancel(gone) is False
    assert [frame.body for frame in sent(session)] == [b"keep"]
    assert session.receive_data(encode_frame(gone.proto_id, gone.serial, b""), 1.0) == []
    assert session.drain() == ([keep], [])


def test_the_late_reply_to_a_cancelled_request_settles_it() -> None:
    session = ready()
    (gone,) = ask(session, "gone")
    (request,) = sent(session)
    assert session.cancel(gone) is True
    assert session.receive_data(answer(request, b"late"), 5.0) == [RequestSettled(gone, late=True)]
    assert session.receive_data(answer(request, b"late"), 5.0) == []
    assert session.drain() == ([], [])


def test_a_damaged_late_reply_settles_too() -> None:
    session = ready()
    (gone,) = ask(session, "gone")
    (request,) = sent(session)
    session.cancel(gone)
    late = with_bad_digest(answer(request, b""))
    assert session.receive_data(late, 5.0) == [RequestSettled(gone, late=True)]


def test_cancelling_an_answered_or_cancelled_request_changes_nothing() -> None:
    session = ready()
    answered, buried = ask(session, "answered", "buried")
    request, _ = sent(session)
    session.receive_data(answer(request, b""), 1.0)
    for flight in (answered, buried, buried):
        assert session.cancel(flight) is True
    assert session.drain() == ([], [buried])
