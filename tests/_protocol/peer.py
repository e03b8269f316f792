"""OpenD's end of a connection, scripted."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.internal import api_implementation

from aiocapdist._pb import (
    capital_distribution_pb2,
    init_connect_pb2,
    keep_alive_pb2,
    notify_pb2,
)
from aiocapdist._protocol.flight import Flight
from aiocapdist._protocol.frames import Frame, FrameDecoder, encode_frame
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.state import State
from aiocapdist._protocol.tcp_codec import TcpCodec

needs_fast_protobuf = pytest.mark.skipif(
    api_implementation.Type() == "python",
    reason="protobuf's slow decoder refuses the whole message",
)
MAX_FRAME = 2**20
DIGEST_AT = 16
FORMAT_AT = 6


def frames_in(data: bytes) -> list[Frame]:
    """Return the frames in these bytes, which must be complete."""
    decoder = FrameDecoder(lambda proto_id: 2**32 - 1)
    frames = decoder.feed(data)
    assert decoder.error is None
    assert decoder.pending == 0
    return frames


def answer(request: Frame, body: bytes) -> bytes:
    """Return a reply to this request."""
    return encode_frame(request.proto_id, request.serial, body)


def with_bad_digest(data: bytes) -> bytes:
    """Return the frame with a wrong digest."""
    return data[:DIGEST_AT] + bytes([data[DIGEST_AT] ^ 1]) + data[DIGEST_AT + 1 :]


def as_json(data: bytes) -> bytes:
    """Return the frame with body format JSON."""
    return data[:FORMAT_AT] + b"\x01" + data[FORMAT_AT + 1 :]


def handshake_reply(**fields: Any) -> bytes:
    """Body of a reply to 1001."""
    s2c = {
        "serverVer": 1011,
        "loginUserID": 7,
        "connID": 2**63,
        "connAESKey": "0123456789abcdef",
        "keepAliveInterval": 10,
        **fields,
    }
    return _success(init_connect_pb2.Response, s2c)


def figures(amount: float, **fields: Any) -> bytes:
    """Body of a reply to 3212: inflows from ``amount`` upwards, outflows 1, 2, 3."""
    names = ("capitalInBig", "capitalInMid", "capitalInSmall")
    inflow = {name: amount + n for n, name in enumerate(names)}
    outflow = {"capitalOutBig": 1.0, "capitalOutMid": 2.0, "capitalOutSmall": 3.0}
    return _success(capital_distribution_pb2.Response, {**inflow, **outflow, **fields})


def alive() -> bytes:
    """Body of a reply to 1004."""
    return _success(keep_alive_pb2.Response, {"time": 1_760_000_000})


def notice(serial: int = 1) -> bytes:
    """Return a push: quotes are logged out."""
    status = {"qotLogined": False, "trdLogined": True}
    response = notify_pb2.Response(retType=0, s2c={"type": 3, "connectStatus": status})
    return encode_frame(1003, serial, response.SerializeToString())


def raw_text(field: int, text: bytes) -> bytes:
    """Return a string field as encoded, whatever is in it."""
    return bytes([field << 3 | 2, len(text)]) + text


def _success(kind: Any, s2c: dict[str, Any]) -> bytes:
    body: bytes = kind(retType=0, retMsg="", errCode=0, s2c=s2c).SerializeToString()
    return body


# The client's end


def fresh(*, first_serial: int = 0, request_timeout: float = 10.0) -> Session[str]:
    """Return a session that is not started."""
    codec = TcpCodec(client_id="tests", max_frame=MAX_FRAME)
    return Session(codec, first_serial=first_serial, request_timeout=request_timeout)


def ready(
    *, first_serial: int = 0, request_timeout: float = 10.0, now: float = 0.0, interval: int = 10
) -> Session[str]:
    """Return a session that became ready at ``now``. Its handshake took one serial."""
    session = fresh(first_serial=first_serial, request_timeout=request_timeout)
    session.start(now, now + 5.0)
    (greeting,) = sent(session)
    session.receive_data(answer(greeting, handshake_reply(keepAliveInterval=interval)), now)
    assert session.state is State.READY
    return session


def state_of(session: Session[str]) -> State:
    """Return the state. A call, since mypy does not see that other calls change it."""
    return session.state


def sent(session: Session[str]) -> list[Frame]:
    """Return the frames that the session has to send, one per message."""
    return [frame for message in session.data_to_send() for frame in one(message)]


def one(message: bytes) -> list[Frame]:
    frames = frames_in(message)
    assert len(frames) == 1
    return frames


def ask(session: Session[str], *refs: str, proto_id: int = 3212) -> list[Flight[str]]:
    return [session.request(proto_id, ref.encode(), ref, 0.0) for ref in refs]


def asked(session: Session[str], *refs: str, proto_id: int = 3212) -> list[Frame]:
    """Return the frames of these requests."""
    ask(session, *refs, proto_id=proto_id)
    frames = sent(session)
    assert [frame.body.decode() for frame in frames] == list(refs)
    return frames
