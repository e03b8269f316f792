"""Deadlines and keep-alives, through ``get_timer`` and ``handle_timer``."""

from __future__ import annotations

import pytest

from aiocapdist._pb import keep_alive_pb2
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.session_events import ReplyOverdue, ReplyReceived, RequestSettled
from aiocapdist._protocol.state import State
from aiocapdist.errors import ProtocolError

from .peer import (
    alive,
    answer,
    fresh,
    handshake_reply,
    notice,
    ready,
    sent,
    state_of,
    with_bad_digest,
)

UTC = 1_760_000_000.75


# Handshake


def test_the_timer_is_the_deadline_of_the_handshake() -> None:
    session = fresh()
    assert session.get_timer() is None
    session.start(100.0, 105.0)
    assert session.get_timer() == 105.0
    assert session.handle_timer(104.9, UTC) == []
    assert session.state is State.HANDSHAKE
    assert session.handle_timer(105.0, UTC) == []
    assert isinstance(session.cause, ProtocolError)
    assert str(session.cause) == "no reply in time"
    assert session.get_timer() is None


def test_a_handshake_reply_in_time_ends_that_deadline() -> None:
    session = fresh()
    session.start(100.0, 105.0)
    (greeting,) = sent(session)
    session.receive_data(answer(greeting, handshake_reply()), 104.9)
    session.handle_timer(105.0, UTC)
    assert session.state is State.READY


# Keep-alive


@pytest.mark.parametrize("interval", [1, 5, 10])
def test_a_keep_alive_is_sent_every_four_fifths_of_the_interval(interval: int) -> None:
    session = ready(now=100.0, interval=interval)
    for n in (1, 2, 3):
        due = session.get_timer()
        assert due is not None
        assert due == pytest.approx(100.0 + n * 0.8 * interval)
        assert session.handle_timer(due - 0.01, UTC) == []
        assert sent(session) == []
        assert session.handle_timer(due, UTC) == []
        (keep_alive,) = sent(session)
        assert keep_alive.proto_id == 1004
        assert keep_alive_pb2.Request.FromString(keep_alive.body).c2s.time == 1_760_000_000
        assert session.receive_data(answer(keep_alive, alive()), due) == []  # known to no one


@pytest.mark.parametrize("interval", [0, -1, -(2**31), 11, 60, 3600, 2**31 - 1])
def test_without_an_interval_or_with_a_longer_one_it_is_ten_seconds(interval: int) -> None:
    session = ready(interval=interval, request_timeout=60.0)
    assert session.get_timer() == 8.0
    session.handle_timer(8.0, UTC)
    session.handle_timer(16.0, UTC)
    session.handle_timer(29.9, UTC)
    assert state_of(session) is State.READY
    session.handle_timer(30.0, UTC)
    assert state_of(session) is State.CLOSED


def test_a_damaged_or_unanswered_keep_alive_gives_no_event() -> None:
    session = ready(request_timeout=1.0)
    session.handle_timer(8.0, UTC)
    (keep_alive,) = sent(session)
    assert session.receive_data(with_bad_digest(answer(keep_alive, alive())), 8.5) == []
    session.handle_timer(16.0, UTC)
    (keep_alive,) = sent(session)
    assert session.get_timer() == 17.0
    assert session.handle_timer(17.0, UTC) == []
    assert session.receive_data(answer(keep_alive, alive()), 17.5) == []
    assert session.drain() == ([], [])


# Overdue replies


def test_an_overdue_reply_is_reported_once_and_a_late_reply_only_settles() -> None:
    session = ready(request_timeout=2.0)
    late = session.request(3212, b"", "late", 1.0)
    lost = session.request(3212, b"", "lost", 1.5)
    request, _ = sent(session)
    assert session.get_timer() == 3.0
    assert session.handle_timer(2.9, UTC) == []
    assert session.handle_timer(3.0, UTC) == [ReplyOverdue(late)]
    assert session.get_timer() == 3.5
    assert session.handle_timer(3.5, UTC) == [ReplyOverdue(lost)]
    assert session.handle_timer(4.0, UTC) == []
    assert session.receive_data(answer(request, b"late"), 5.0) == [RequestSettled(late, late=True)]
    assert session.drain() == ([], [lost])


def test_a_reply_in_time_ends_its_deadline() -> None:
    session = ready(request_timeout=2.0)
    session.request(3212, b"", "a", 1.0)
    (request,) = sent(session)
    (reply,) = session.receive_data(answer(request, b""), 2.9)
    assert isinstance(reply, ReplyReceived)
    assert session.get_timer() == 8.0
    assert session.handle_timer(3.0, UTC) == []


def test_an_unsent_request_times_out_without_a_tombstone() -> None:
    session = ready(request_timeout=2.0)
    flight = session.request(3212, b"", "a", 0.0)
    assert session.handle_timer(2.0, UTC) == [ReplyOverdue(flight)]
    assert flight.written is False
    assert session.data_to_send() == []
    assert session.drain() == ([], [])


def talk(session: Session[str], until: float) -> list[object]:
    """Handle all timers up to ``until`` while OpenD keeps sending; return the events."""
    events: list[object] = []
    while (due := session.get_timer()) is not None and due <= until:
        session.receive_data(notice(), due)
        events += session.handle_timer(due, UTC)
        sent(session)
    return events


@pytest.mark.parametrize("timeout", [2.0, 59.0, 60.0, 100.0])
def test_a_tombstone_expires_60_seconds_after_sending(
    timeout: float,
) -> None:
    session = ready(request_timeout=timeout)
    flight = session.request(3212, b"", "a", 5.0)
    sent(session)
    session.cancel(flight)
    assert talk(session, 64.9) == []
    assert talk(session, 65.0) == [RequestSettled(flight, late=False)]
    assert session.drain() == ([], [])


def test_a_settled_tombstone_does_not_expire_again() -> None:
    session = ready(request_timeout=2.0)
    flight = session.request(3212, b"", "a", 5.0)
    (request,) = sent(session)
    session.cancel(flight)
    assert session.receive_data(answer(request, b""), 6.0) == [RequestSettled(flight, late=True)]
    assert talk(session, 200.0) == []
    assert session.get_timer() == pytest.approx(200.0, abs=8.0)


@pytest.mark.parametrize(("timeout", "settled"), [(2.0, 65.0), (60.0, 65.0), (100.0, 105.0)])
def test_a_tombstone_of_an_overdue_request_expires_but_never_before_the_timeout(
    timeout: float, settled: float
) -> None:
    session = ready(request_timeout=timeout)
    flight = session.request(3212, b"", "a", 5.0)
    sent(session)
    assert talk(session, 5.0 + timeout - 0.1) == []
    assert [*talk(session, settled)] == [ReplyOverdue(flight), RequestSettled(flight, late=False)]
    assert session.drain() == ([], [])


def test_tombstones_expire_in_order_of_sending_whenever_they_were_cancelled() -> None:
    session = ready(request_timeout=50.0)
    flights = [session.request(3212, b"", "a", float(n)) for n in range(3)]
    sent(session)
    for flight in reversed(flights):
        session.cancel(flight)
    assert talk(session, 61.0) == [RequestSettled(flight, late=False) for flight in flights[:2]]
    assert talk(session, 62.0) == [RequestSettled(flights[2], late=False)]
