"""Frames that are read directly mean what `websockets` reads in them, with any others between."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol

from ..support.internals import cause_of
from ..support.websocket_pipe import framed, upgraded

MAX = 300
ENDS = (Opcode.TEXT, Opcode.CLOSE)

bodies = st.one_of(st.binary(max_size=9), st.sampled_from((125, 126, MAX)).map(bytes))
usual = bodies.map(lambda body: framed(2, body))
control = st.builds(framed, st.sampled_from((9, 10)), st.binary(max_size=9))
fragmented = st.builds(
    lambda first, between, last: (
        framed(2, first, fin=False)
        + b"".join(between)
        + framed(0, b"", fin=False)
        + framed(0, last)
    ),
    bodies,
    st.lists(control, max_size=2),
    st.binary(max_size=9),
)
oddly_long = st.sampled_from(
    (
        b"\x82\x7e\0\x03abc",  # lengths in more bytes than they need
        b"\x82\x7f" + bytes(7) + b"\x03abc",
        b"\x89\x7e\0\x01?",
        framed(9, bytes(126)),  # a ping that is too long
        framed(2, bytes(MAX + 1)),
        b"\x82\x7f" + b"\xff" * 8,
    )
)
wrong = st.sampled_from(
    (
        framed(1, b"text"),
        framed(8, b""),
        b"\xc2\0",
        b"\x82\x83keyabc",
        b"\x83\0",
        b"\x80\0",
        b"\x02\0",
    )
)
frames = st.one_of(usual, usual, usual, control, fragmented, oddly_long, wrong)


def by_websockets(data: bytes) -> tuple[list[bytes], str | None, list[Frame]]:
    """Messages, why no more can follow, and the control frames sent in return."""
    protocol = Protocol(CLIENT, max_size=MAX)
    messages: list[bytes] = []
    fragments, failure = b"", None
    protocol.receive_data(data)
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in ENDS:
            failure = frame.opcode.name
            break
        if frame.opcode in (Opcode.BINARY, Opcode.CONT):
            fragments += frame.data
            if frame.fin:
                messages.append(fragments)
                fragments = b""
    if failure is None and protocol.parser_exc is not None:
        failure = str(protocol.parser_exc)
    return messages, failure, read_by_server(b"".join(protocol.data_to_send()))


def read_by_server(sent: bytes) -> list[Frame]:
    server = Protocol(SERVER)
    server.receive_data(sent)
    return [event for event in server.events_received() if isinstance(event, Frame)]


@given(st.lists(frames, max_size=6).map(b"".join), st.lists(st.integers(0, 2000), max_size=3))
@example(framed(8, b"") + framed(2, b"after the end"), [])
@example(b"\x80\0" + framed(2, b"after an error"), [])
@example(framed(9, bytes(126)) + framed(2, b"after a long ping"), [])
def test_directly_or_by_websockets_bytes_mean_the_same(data: bytes, cuts: list[int]) -> None:
    messages, failure, sent = by_websockets(data)
    transport, pipe, got = upgraded(MAX)
    before = len(pipe.written)
    places = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
    for start, end in pairwise(places):
        if not pipe.closed:
            pipe.receive([data[start:end]])
    assert got == messages
    assert pipe.closed == (failure is not None)
    reason = str(cause_of(transport))
    match failure:
        case None:
            assert reason == "None"
        case "TEXT" | "CLOSE":
            assert failure in reason.upper()
        case _:
            assert reason == f"invalid WebSocket data: {failure}"
    if failure not in ("TEXT", "CLOSE"):  # what is after these is read by nobody
        assert read_by_server(pipe.written[before:]) == sent


@pytest.mark.parametrize("cut", range(-6, 7))
def test_frames_may_come_with_the_reply_to_the_upgrade(cut: int) -> None:
    frames = framed(2, b"a") + framed(2, b"\r\n\r\nx") + framed(2, b"b")
    _, pipe, got = upgraded(MAX, followed_by=frames, cut=cut)
    pipe.receive([framed(2, b"c")])
    assert got == [b"a", b"\r\n\r\nx", b"b", b"c"]
    assert not pipe.closed


def test_a_long_message_is_kept_once_while_it_is_handled() -> None:
    size, kept = 2**20, []
    _, pipe, _ = upgraded(size, lambda _: kept.append(tracemalloc.get_traced_memory()[0]))
    data = b"\x82\x7f" + size.to_bytes(8, "big") + bytes(size)
    pieces = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]
    tracemalloc.start()
    for piece in pieces:
        pipe.receive([piece])
    tracemalloc.stop()
    (taken,) = kept
    assert size < taken < 1.5 * size
