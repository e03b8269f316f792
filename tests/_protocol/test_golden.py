"""Frames made by the vendor's own code: ours reads them and makes the same.

``vectors/make.py`` makes them; each file says from which release of which package.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from aiocapdist._protocol.capital_flow import decode_capital_flow, encode_capital_flow
from aiocapdist._protocol.catalog import MAX_BODY, PUSHES
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist._protocol.encoders import CapitalDistributionEncoder, encode_keep_alive
from aiocapdist._protocol.frames import Frame, FrameDecoder, digest_of, encode_frame
from aiocapdist._protocol.global_state import decode_global_state, encode_global_state
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.session_events import HandshakeCompleted, PushReceived, ReplyReceived
from aiocapdist._protocol.state import State
from aiocapdist._protocol.tcp_codec import TcpCodec
from aiocapdist.errors import BackendError, OpenDError, QuotaExceeded, UnknownSecurity
from aiocapdist.models import Period, Security

from .messages import REQUESTS, RESPONSES
from .peer import fresh, ready, sent

FOLDER = Path(__file__).parent / "vectors"
PAGES = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
LAST = 2**32 - 1


class Vector(NamedTuple):
    direction: str
    proto_id: int
    serial: int
    fields: dict[str, Any]
    data: bytes

    @property
    def kind(self) -> type[Message]:
        """Our message class."""
        kinds = REQUESTS if self.direction == "request" else RESPONSES
        return kinds[self.proto_id]  # type: ignore[no-any-return]

    @property
    def body(self) -> bytes:
        return self.data[44:]


VECTORS = {
    (row["proto_id"], row["direction"], row["shows"]): Vector(
        row["direction"], row["proto_id"], row["serial"], row["fields"], bytes.fromhex(row["hex"])
    )
    for page in PAGES.values()
    for row in page["vectors"]
}
REPLIES = {key: vector for key, vector in VECTORS.items() if vector.direction == "reply"}


def named(vectors: dict[tuple[int, str, str], Vector]) -> dict[str, Any]:
    ids = [f"{proto_id}-{direction}-{shows}" for proto_id, direction, shows in vectors]
    return {"argnames": "vector", "argvalues": list(vectors.values()), "ids": ids}


def test_there_are_vectors_of_request_and_reply_for_each_message() -> None:
    ways = {(proto_id, direction) for proto_id, direction, _ in VECTORS}
    both = {
        (proto_id, way)
        for proto_id in (1001, 1002, 1004, 3211, 3212)
        for way in ("request", "reply")
    }
    assert ways == both | {(1003, "push")}


@pytest.mark.parametrize(**named(VECTORS))
def test_our_decoder_reads_the_vendors_frames(vector: Vector) -> None:
    decoder = FrameDecoder(MAX_BODY.__getitem__)
    (frame,) = decoder.feed(vector.data)
    assert (decoder.pending, decoder.error) == (0, None)
    digest = digest_of(vector.body)
    assert frame == Frame(vector.proto_id, vector.serial, 0, digest, vector.body)
    message = vector.kind.FromString(frame.body)
    assert message.IsInitialized()
    assert message == vector.kind(**vector.fields)
    assert_all_known(message)


def assert_all_known(message: Message) -> None:
    """Check that all fields, nested ones too, are in our .proto files."""
    assert len(UnknownFieldSet(message)) == 0, message.DESCRIPTOR.full_name
    for _, value in message.ListFields():
        if isinstance(value, Message):
            assert_all_known(value)


@pytest.mark.parametrize(**named(VECTORS))
def test_our_encoder_makes_the_vendors_bytes(vector: Vector) -> None:
    body = vector.kind(**vector.fields).SerializeToString()
    assert encode_frame(vector.proto_id, vector.serial, body) == vector.data


def test_our_requests_are_the_vendors_byte_for_byte() -> None:
    def question(code: str, firm: int | None = None) -> bytes:
        return CapitalDistributionEncoder(firm).encode(Security.parse(code))

    def flow_question(code: str, *arguments: Any) -> bytes:
        return encode_capital_flow(Security.parse(code), *arguments)

    wanted = {
        (1001, "as this library greets"): greeting_of("aiocapdist"),
        (1002, "user 0"): encode_global_state(),
        (1004, "a sign of life"): encode_keep_alive(1_760_000_000.5),
        (3211, "today by the minute"): flow_question("HK.00700", Period.INTRADAY),
        (3211, "days, a broker named"): flow_question(
            "US.BRK.B", Period.DAY, "2025-01-02", "2025-10-09", 2
        ),
        (3212, "a stock"): question("HK.00700"),
        (3212, "an index"): question("US..DJI"),
        (3212, "a broker named"): question("US.BRK.B", 2),
    }
    for (proto_id, shows), body in wanted.items():
        vector = VECTORS[proto_id, "request", shows]
        assert encode_frame(proto_id, vector.serial, body) == vector.data, shows


def greeting_of(client_id: str) -> bytes:
    proto_id, body = TcpCodec(client_id=client_id, max_frame=1).encode_handshake()
    assert proto_id == 1001
    return body


def test_our_handshake_is_the_vendors_without_its_ai_type() -> None:
    theirs = VECTORS[1001, "request", "as the vendor's client greets"]
    message: Any = theirs.kind.FromString(theirs.body)
    assert message.c2s.aiType == 0
    message.c2s.ClearField("aiType")
    assert message.SerializeToString() == greeting_of("aiocapdist")


# Through the session


def asking(vector: Vector) -> Session[str]:
    """Return a session whose request has the vector's proto id and serial."""
    session = ready(first_serial=(vector.serial - 3) % LAST + 1)
    session.request(vector.proto_id, b"", "ref", 0.0)
    (request,) = sent(session)
    assert (request.proto_id, request.serial) == (vector.proto_id, vector.serial)
    return session


@pytest.mark.parametrize(**named(REPLIES))
def test_a_reply_is_matched_with_its_request(vector: Vector) -> None:
    if vector.proto_id == 1001:
        return greet(vector)
    (event,) = asking(vector).receive_data(vector.data, 1.0)
    assert isinstance(event, ReplyReceived)
    assert (event.flight.ref, event.body) == ("ref", vector.body)
    return None


def greet(vector: Vector) -> None:
    session = fresh(first_serial=vector.serial - 1)
    session.start(0.0, 5.0)
    sent(session)
    events = session.receive_data(vector.data, 1.0)
    if vector.fields["retType"] == 0:
        (event,) = events
        assert isinstance(event, HandshakeCompleted)
        assert event.result.conn_id == vector.fields["s2c"]["connID"]
        assert event.result.login_user_id == vector.fields["s2c"]["loginUserID"]
        assert event.result.keep_alive_interval == 10.0
    else:
        assert (events, session.state) == ([], State.CLOSED)
        assert isinstance(session.cause, OpenDError)
        assert session.cause.ret_msg == vector.fields["retMsg"]


@pytest.mark.parametrize(**named({k: v for k, v in VECTORS.items() if v.direction == "push"}))
def test_a_push_is_reported_as_a_push(vector: Vector) -> None:
    assert ready().receive_data(vector.data, 1.0) == [PushReceived(1003, vector.body)]


def test_capital_distributions_are_decoded() -> None:
    def read(shows: str) -> Any:
        body = VECTORS[3212, "reply", shows].body
        return decode_capital_distribution(body, "HK.00700", Security.parse("HK.00700"))

    full, old = read("every field"), read("an old OpenD: no super, no timestamp")
    assert (full.capital_in_super, full.capital_in_big, full.capital_out_mid) == (3.5e9, 10.5, 0.1)
    assert old.capital_in_super is None
    assert full.updated_at == old.updated_at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    closed = read("off hours: all zero, empty time")
    assert (closed.capital_in, closed.capital_in_super, closed.updated_at) == (0.0, 0.0, None)
    for shows, kind in {
        "too often, in Chinese": QuotaExceeded,
        "too often, in English": QuotaExceeded,
        "no such code": UnknownSecurity,
        "timed out behind OpenD": BackendError,
        "failed without a word": OpenDError,
    }.items():
        with pytest.raises(OpenDError) as caught:
            read(shows)
        assert type(caught.value) is kind


def test_capital_flows_are_read() -> None:
    def read(shows: str, period: Period = Period.DAY) -> Any:
        body = VECTORS[3211, "reply", shows].body
        return decode_capital_flow(body, "HK.00700", Security.parse("HK.00700"), period)

    first, second = read("minutes", Period.INTRADAY).points
    assert (first.in_flow, first.super_in_flow, first.mid_in_flow) == (-0.375, -2.0, 0.0)
    assert (first.main_in_flow, second.super_in_flow) == (None, None)
    assert first.at == datetime(2025, 10, 9, 1, 30, tzinfo=UTC)
    days = read("days, every field")
    assert (days.points[0].main_in_flow, days.points[0].sml_in_flow) == (7.25, 1.0)
    assert days.last_valid_at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    for shows, last in {"no rows": "2025-10-09 16:53:20", "not a word": None}.items():
        assert (read(shows).points, read(shows).last_valid_time) == ((), last)
    with pytest.raises(UnknownSecurity):
        read("no such code")


def test_global_states_are_decoded() -> None:
    full = decode_global_state(VECTORS[1002, "reply", "every field"].body)
    assert (full.market_hk, full.market_jp, full.conn_id) == (5, 99, LAST + (LAST << 32))
    assert full.program_status_text == "ready"
    bare = decode_global_state(VECTORS[1002, "reply", "only what is required"].body)
    assert (bare.market_jp, bare.server_version) == (None, "10.11")


# Origin


def test_our_push_ids_are_those_of_the_vendors_client() -> None:
    assert sorted(PUSHES) == PAGES["1003.json"]["push_ids"]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_each_file_names_the_origin_of_its_bytes(page: dict[str, Any]) -> None:
    assert set(page["provenance"]) == {"package", "version", "command"}
    assert page["provenance"]["package"] == "futu-api"
    for row in page["vectors"]:
        assert row["message"].startswith("futu.common.pb.")
        assert row["packer"].startswith("futu.")


@pytest.mark.skipif(
    importlib.util.find_spec("futu") is None,
    reason="futu-api is not installed: pip install futu-api",
)
def test_the_vectors_can_be_made_again(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    made = tmp_path / "made"
    made.mkdir()
    script = [sys.executable, "-W", "ignore", str(FOLDER / "make.py"), str(made)]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in made.iterdir()} == set(PAGES)
    for name, page in PAGES.items():
        anew = json.loads((made / name).read_text("utf-8"))
        anew["provenance"]["version"] = page["provenance"]["version"]  # another release may do
        assert anew == page
