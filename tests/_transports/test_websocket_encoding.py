"""The frames that a client sends are those that `websockets` writes and reads."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from aiocapdist._transports import websocket_frames
from aiocapdist._transports.websocket_frames import encode_messages

LENGTHS = (0, 1, 3, 4, 125, 126, 127, 65_535, 65_536)


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_websockets_reads_each_message_as_one_frame(messages: list[bytes]) -> None:
    server = Protocol(SERVER)
    server.receive_data(b"".join(encode_messages(messages)))
    assert server.parser_exc is None
    assert server.events_received() == [Frame(Opcode.BINARY, message) for message in messages]


@pytest.mark.parametrize("length", LENGTHS)
def test_websockets_writes_the_same_bytes_with_the_same_key(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = bytes(n % 251 for n in range(length))
    monkeypatch.setattr(secrets, "token_bytes", lambda count: b"\x01\x80\xff\x10" * (count // 4))
    monkeypatch.setattr(websocket_frames, "token_bytes", secrets.token_bytes)
    expected = Frame(Opcode.BINARY, message).serialize(mask=True)
    assert encode_messages([message, message]) == [expected, expected]


def test_each_frame_has_a_random_key_of_its_own() -> None:
    frames = [*encode_messages([b"the same"] * 100), *encode_messages([b"the same"] * 100)]
    keys = {frame[2:6] for frame in frames}
    assert len(keys) >= 198  # of four random bytes two may be equal: once in 200,000 runs
