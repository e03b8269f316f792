"""Serials, and matching replies with requests."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from aiocapdist._protocol.catalog import PUSHES
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist._protocol.frames import encode_frame
from aiocapdist._protocol.session import Session, serials_after
from aiocapdist._protocol.session_events import PushReceived, ReplyInvalid, ReplyReceived
from aiocapdist._protocol.state import State
from aiocapdist.errors import ProtocolError
from aiocapdist.models import Security

from .peer import (
    answer,
    as_json,
    ask,
    asked,
    figures,
    notice,
    ready,
    sent,
    with_bad_digest,
)

LAST = 2**32 - 1


def whose(events: Sequence[object]) -> list[tuple[str, bytes]]:
    """Return refs and bodies of replies; there must be no other event."""
    assert all(isinstance(event, ReplyReceived) for event in events)
    return [(event.flight.ref, event.body) for event in events]  # type: ignore[attr-defined]


# Serials


@pytest.mark.parametrize(
    ("first", "serials"),
    [
        (0, [1, 2, 3]),
        (41, [42, 43, 44]),
        (LAST - 2, [LAST - 1, LAST, 1]),
        (LAST - 1, [LAST, 1, 2]),
        (LAST, [1, 2, 3]),
    ],
)
def test_serials_rise_from_the_first_and_wrap_around_without_zero(
    first: int, serials: list[int]
) -> None:
    session = ready(first_serial=first)
    frames = asked(session, "a", "b")
    assert [first % LAST + 1, *(frame.serial for frame in frames)] == serials


def rewound(session: Session[str], serial: int) -> None:
    """Set the serial as if 2**32 requests had been sent."""
    session._serials = serials_after(serial)


@pytest.mark.parametrize("first", [99, LAST - 3, LAST - 2, LAST - 1])
def test_a_serial_in_flight_or_of_a_tombstone_is_skipped(first: int) -> None:
    session = ready(first_serial=first)
    waiting, buried, answered = ask(session, "waiting", "buried", "answered")
    requests = sent(session)
    session.cancel(buried)
    session.receive_data(answer(requests[2], b""), 0.0)
    rewound(session, first + 1)
    fourth, fifth = ask(session, "fourth", "fifth")
    serials = [(first - 1 + n) % LAST + 1 for n in range(2, 6)]  # the greeting had the first
    assert [waiting.serial, buried.serial, answered.serial] == serials[:3]
    assert [fourth.serial, fifth.serial] == serials[2:4]  # the answered one's is free again


def test_a_serial_in_flight_is_not_used_with_another_proto_id_either() -> None:
    session = ready(first_serial=10)
    (distribution,) = asked(session, "distribution")
    rewound(session, distribution.serial - 1)
    (state,) = asked(session, "state", proto_id=1002)
    assert state.serial == distribution.serial + 1
    events = session.receive_data(answer(state, b"s") + answer(distribution, b"d"), 1.0)
    assert whose(events) == [("state", b"s"), ("distribution", b"d")]


# Replies


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_replies_in_any_order_are_matched_with_their_requests(order: tuple[int, ...]) -> None:
    session = ready()
    requests = asked(session, "0", "1", "2")
    data = b"".join(answer(requests[n], b"reply to %d" % n) for n in order)
    assert whose(session.receive_data(data, 1.0)) == [(str(n), b"reply to %d" % n) for n in order]
    assert session.drain() == ([], [])


def test_a_reply_may_arrive_in_pieces() -> None:
    session = ready()
    (request,) = asked(session, "a")
    reply = answer(request, b"body")
    events = [event for byte in reply for event in session.receive_data(bytes([byte]), 1.0)]
    assert whose(events) == [("a", b"body")]


def test_a_reply_with_another_proto_id_is_ignored() -> None:
    session = ready()
    (request,) = asked(session, "a")
    assert session.receive_data(encode_frame(3211, request.serial, b""), 1.0) == []
    assert session.receive_data(encode_frame(3212, request.serial + 1, b""), 1.0) == []
    assert whose(session.receive_data(answer(request, b"mine"), 1.0)) == [("a", b"mine")]


def test_a_second_reply_to_a_request_is_ignored() -> None:
    session = ready()
    one, two = asked(session, "one", "two")
    twice = answer(one, b"1") * 2 + answer(two, b"2")
    assert whose(session.receive_data(twice, 1.0)) == [("one", b"1"), ("two", b"2")]
    assert session.receive_data(answer(one, b"1"), 2.0) == []


def test_a_reply_to_an_unsent_request_is_ignored() -> None:
    session = ready()
    (flight,) = ask(session, "a")
    assert session.receive_data(encode_frame(flight.proto_id, flight.serial, b"guessed"), 0.0) == []
    (request,) = sent(session)
    assert whose(session.receive_data(answer(request, b"mine"), 1.0)) == [("a", b"mine")]


@pytest.mark.parametrize("spoil", [with_bad_digest, as_json])
def test_a_damaged_reply_fails_its_own_request_only(spoil: object) -> None:
    assert callable(spoil)
    session = ready()
    one, two = asked(session, "one", "two")
    damaged, *others = session.receive_data(spoil(answer(one, b"1")) + answer(two, b"2"), 1.0)
    assert isinstance(damaged, ReplyInvalid)
    assert damaged.flight.ref == "one"
    assert isinstance(damaged.error, ProtocolError)
    assert whose(others) == [("two", b"2")]
    assert session.receive_data(answer(one, b"1"), 2.0) == []
    assert session.state is State.READY


def test_a_reply_without_required_fields_fails_its_own_request_only() -> None:
    session = ready()
    one, two = asked(session, "HK.00700", "HK.00001")
    lacking = b"\x08\x00\x22\x00"  # success, and s2c without any figure
    events = session.receive_data(answer(one, lacking) + answer(two, figures(5.0)), 1.0)
    (_, bad), (code, good) = whose(events)
    with pytest.raises(ProtocolError, match="lacks required fields"):
        decode_capital_distribution(bad, "HK.00700", Security.parse("HK.00700"))
    assert decode_capital_distribution(good, code, Security.parse(code)).capital_in_big == 5.0
    assert session.state is State.READY


def test_a_reply_over_its_limit_fails_its_own_request_only() -> None:
    session = ready()
    frames = asked(session, *(str(n) for n in range(30)))
    data = b"".join(
        answer(frame, bytes(18_000) if n == 11 else b"good") for n, frame in enumerate(frames)
    )
    events = session.receive_data(data, 1.0)
    (invalid,) = (event for event in events if isinstance(event, ReplyInvalid))
    assert invalid.flight.ref == "11"
    assert str(invalid.error) == "reply 3212: it has 18000 bytes, more than the 16384 allowed"
    assert len(events) == 30
    assert session.state is State.READY


# Pushes


@pytest.mark.parametrize("proto_id", sorted(PUSHES))
def test_a_push_is_no_reply_even_with_the_serial_of_a_request(proto_id: int) -> None:
    session = ready()
    (frame,) = asked(session, "a")
    (event,) = session.receive_data(encode_frame(proto_id, frame.serial, b"push"), 1.0)
    assert event == PushReceived(proto_id, b"push")
    waiting, _ = session.drain()
    assert [flight.ref for flight in waiting] == ["a"]


def test_a_damaged_push_is_ignored() -> None:
    session = ready()
    (request,) = asked(session, "a")
    data = with_bad_digest(notice()) + as_json(notice()) + answer(request, b"1") + notice()
    reply, push = session.receive_data(data, 1.0)
    assert whose([reply]) == [("a", b"1")]
    assert isinstance(push, PushReceived)
    assert push.proto_id == 1003


@pytest.mark.parametrize("proto_id", sorted(PUSHES))
def test_a_damaged_push_with_the_serial_of_a_request_does_not_fail_the_request(
    proto_id: int,
) -> None:
    session = ready()
    (frame,) = asked(session, "a")
    damaged = with_bad_digest(encode_frame(proto_id, frame.serial, b"push"))
    assert session.receive_data(damaged, 1.0) == []
    (reply,) = session.receive_data(answer(frame, b"1"), 1.0)
    assert whose([reply]) == [("a", b"1")]
