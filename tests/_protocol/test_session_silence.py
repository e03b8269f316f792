"""When silence ends a connection, and when it does not."""

from __future__ import annotations

import pytest

from aiocapdist._protocol.frames import Frame
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.session_events import ReplyOverdue
from aiocapdist._protocol.state import State
from aiocapdist.errors import ProtocolError

from .peer import alive, answer, notice, ready, sent, state_of

UTC = 1_760_000_000.0


def keep_time(session: Session[str], until: float) -> list[object]:
    """Handle all timers up to ``until`` without receiving anything; return the events."""
    events: list[object] = []
    while (due := session.get_timer()) is not None and due <= until:
        events += session.handle_timer(due, UTC)
        sent(session)
    return events


def assert_it_ends_at(session: Session[str], end: float) -> None:
    """Check that it ends then, and not before."""
    keep_time(session, end - 1e-6)
    assert state_of(session) is State.READY
    assert session.get_timer() == end
    assert session.handle_timer(end, UTC) == []
    assert state_of(session) is State.CLOSED


def test_three_silent_intervals_end_it_whatever_the_request_timeout_is() -> None:
    session = ready(now=100.0, request_timeout=60.0)
    flight = session.request(3212, b"", "a", 100.0)
    sent(session)
    assert_it_ends_at(session, 130.0)
    assert isinstance(session.cause, ProtocolError)
    assert str(session.cause) == "nothing heard from OpenD for 30 s"
    assert (session.get_timer(), session.drain()) == (None, ([flight], []))


@pytest.mark.parametrize(
    ("request_timeout", "interval", "end"),
    [(10.0, 10, 18.0), (10.0, 5, 14.0), (2.0, 10, 18.0), (2.0, 30, 18.0), (10.0, 1, 3.0)],
)
def test_an_idle_connection_waits_as_long_for_a_keep_alive_as_for_a_request(
    request_timeout: float, interval: int, end: float
) -> None:
    assert_it_ends_at(ready(request_timeout=request_timeout, interval=interval), end)


def test_a_request_followed_by_silence_is_lost_not_overdue() -> None:
    session = ready()
    first, second = (session.request(3212, b"", "a", now) for now in (0.5, 5.0))
    sent(session)
    assert_it_ends_at(session, 10.5)
    assert session.drain() == ([first, second], [])


def test_a_request_sent_just_before_the_silence_is_lost_too() -> None:
    session = ready()
    flight = session.request(3212, b"", "a", 4.0)
    sent(session)
    session.receive_data(notice(), 5.0)
    assert_it_ends_at(session, 14.0)
    assert session.drain() == ([flight], [])


def test_a_request_followed_by_other_replies_is_overdue_and_the_connection_is_kept() -> None:
    session = ready()
    late = session.request(3212, b"", "a", 0.0)
    sent(session)
    session.handle_timer(8.0, UTC)
    (keep_alive,) = sent(session)
    session.receive_data(answer(keep_alive, alive()), 8.1)
    assert keep_time(session, 10.0) == [ReplyOverdue(late)]
    assert_it_ends_at(session, 8.1 + 9.0)


def test_a_request_that_became_overdue_in_the_silence_still_counts() -> None:
    session = ready(request_timeout=2.0)
    flight = session.request(3212, b"", "a", 1.0)
    sent(session)
    assert keep_time(session, 3.0) == [ReplyOverdue(flight)]
    later = session.request(3212, b"", "b", 4.0)
    sent(session)
    assert keep_time(session, 6.0) == [ReplyOverdue(later)]
    assert_it_ends_at(session, 11.0)


def test_an_overdue_request_does_not_count_after_other_data() -> None:
    session = ready(request_timeout=2.0)
    session.request(3212, b"", "a", 1.0)
    sent(session)
    keep_time(session, 3.0)
    session.receive_data(notice(), 7.0)
    session.request(3212, b"", "b", 7.5)
    assert_it_ends_at(session, 17.5)


def test_an_overdue_request_does_not_count_after_data_at_its_deadline() -> None:
    session = ready(request_timeout=2.0)
    late = session.request(3212, b"", "a", 1.0)
    sent(session)
    session.receive_data(notice(), 3.0)
    assert keep_time(session, 3.0) == [ReplyOverdue(late)]
    assert_it_ends_at(session, 18.0)


def test_a_cancelled_request_does_not_count() -> None:
    session = ready()
    flight = session.request(3212, b"", "a", 0.0)
    sent(session)
    session.cancel(flight)
    assert_it_ends_at(session, 18.0)  # by the first keep-alive


def test_any_byte_ends_the_silence() -> None:
    session = ready()
    keep_time(session, 17.9)
    session.receive_data(notice()[:1], 17.95)
    keep_time(session, 26.9)
    session.receive_data(notice()[1:2], 26.94)
    assert session.state is State.READY
    assert_it_ends_at(session, 26.94 + 9.0)


def test_a_connection_whose_replies_are_all_late_is_kept() -> None:
    session = ready()
    requests: list[Frame] = []
    late = 0
    for n in range(100):
        now = 8.0 * n
        late += len(keep_time(session, now))
        session.request(3212, b"", str(n), now)
        requests += sent(session)
        session.receive_data(answer(requests[n - 2], b"") if n > 1 else notice(), now)
    assert (session.state, late) == (State.READY, 98)
