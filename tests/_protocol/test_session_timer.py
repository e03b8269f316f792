"""The timer: never in the past, the earliest deadline, and handling it makes progress."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist._protocol.session_events import ReplyOverdue

from .peer import notice, ready, sent

UTC = 1_760_000_000.0
GRID = st.integers(0, 400).map(lambda n: n / 8)
ANY = st.floats(0.0, 50.0)


def drive(data: st.DataObject, times: st.SearchStrategy[float]) -> None:
    """Make random calls at random times, and check the timer after each."""
    timeout = 0.125 + data.draw(times, label="timeout")
    now = data.draw(times, label="start")
    session = ready(now=now, request_timeout=timeout, interval=10)
    flights = []
    for n in range(data.draw(st.integers(1, 12), label="steps")):
        due = session.get_timer()
        if due is None:
            break
        assert due >= now
        step = data.draw(st.sampled_from(["ask", "forget", "hear", "wait", "early", "due"]))
        if step == "ask":
            flights.append(session.request(3212, b"", str(n), now))
            sent(session)
        elif step == "forget" and flights:
            session.cancel(data.draw(st.sampled_from(flights)))
        elif step == "hear":
            session.receive_data(notice(), now)
        elif step == "early":
            early = now + data.draw(st.integers(0, 64)) / 8
            if early < due:
                now = early
                assert session.handle_timer(now, UTC) == []
                assert sent(session) == []
                assert session.get_timer() == due
        else:
            now = due if step == "due" else now + data.draw(times)
            session.handle_timer(now, UTC)
            sent(session)
        after = session.get_timer()
        assert after is None or after >= now
        if step == "due":
            assert after is None or after > due, "no progress"


@settings(max_examples=150)
@given(st.data())
def test_the_timer_is_never_in_the_past_and_handling_it_makes_progress(
    data: st.DataObject,
) -> None:
    drive(data, GRID)


@settings(max_examples=150)
@given(st.data())
def test_the_timer_makes_progress_at_times_that_are_no_binary_fractions(
    data: st.DataObject,
) -> None:
    drive(data, ANY)


def test_a_timeout_is_due_at_the_timer_although_sums_are_rounded() -> None:
    session = ready(request_timeout=7.0)
    flight = session.request(3212, b"", "a", 0.1)  # 0.1 + 7.0 - 7.0 < 0.1
    sent(session)
    due = session.get_timer()
    assert due == 7.1
    assert session.handle_timer(due, UTC) == [ReplyOverdue(flight)]
