"""Decoding replies to 3212."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist._pb import capital_distribution_pb2
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist._protocol.response import parse_response
from aiocapdist.errors import AiocapdistError, ProtocolError
from aiocapdist.models import CapitalDistribution, Market, Security

from .peer import figures, needs_fast_protobuf, raw_text

STAMP = 1_760_000_000.5
MOMENT = datetime(2025, 10, 9, 8, 53, 20, 500_000, UTC)
TEXT = "2025-10-09 16:53:20"
REQUIRED = (
    *("capitalInBig", "capitalInMid", "capitalInSmall"),
    *("capitalOutBig", "capitalOutMid", "capitalOutSmall"),
)
FIGURES = (*REQUIRED, "capitalInSuper", "capitalOutSuper")


def read(body: bytes, code: str = "HK.00700") -> CapitalDistribution:
    return decode_capital_distribution(body, code, Security.parse(code))


# Figures


def test_each_field_is_decoded_into_its_own_attribute() -> None:
    theirs = {name: 2.0**n for n, name in enumerate(FIGURES)}
    one = read(figures(0.0, **theirs, updateTime=TEXT, updateTimestamp=STAMP))
    assert one.model_dump(exclude=set(CapitalDistribution.model_computed_fields)) == {
        "code": "HK.00700",
        "market": Market.HK,
        "capital_in_big": 1.0,
        "capital_in_mid": 2.0,
        "capital_in_small": 4.0,
        "capital_out_big": 8.0,
        "capital_out_mid": 16.0,
        "capital_out_small": 32.0,
        "capital_in_super": 64.0,
        "capital_out_super": 128.0,
        "update_time": TEXT,
        "updated_at": MOMENT,
    }


def test_fields_that_an_old_opend_does_not_send_are_none() -> None:
    one = read(figures(1.0))
    assert (one.capital_in_super, one.capital_out_super) == (None, None)
    assert (one.update_time, one.updated_at) == (None, None)
    assert one.capital_in == 6.0


def test_a_zero_that_was_sent_is_zero_not_none() -> None:
    one = read(figures(0.0, capitalInSuper=0.0, capitalOutSuper=0.0))
    assert (one.capital_in_super, one.capital_out_super, one.capital_in_big) == (0.0, 0.0, 0.0)
    half = read(figures(0.0, capitalOutSuper=0.0))
    assert (half.capital_in_super, half.capital_out_super) == (None, 0.0)


@pytest.mark.parametrize(
    ("code", "times", "text", "moment"),
    [
        ("HK.00700", {"updateTime": TEXT}, TEXT, MOMENT.replace(microsecond=0)),
        ("US.AAPL", {"updateTime": TEXT}, TEXT, None),  # whose zone is not known
        ("US.AAPL", {"updateTime": TEXT, "updateTimestamp": STAMP}, TEXT, MOMENT),
        ("HK.00700", {"updateTimestamp": STAMP}, None, MOMENT),
        ("HK.00700", {"updateTime": "", "updateTimestamp": STAMP}, "", MOMENT),
        ("HK.00700", {"updateTime": "", "updateTimestamp": 0.0}, "", None),
        ("HK.00700", {"updateTime": "soon"}, "soon", None),
        ("HK.00700", {"updateTime": "0001-01-01 00:00:00"}, "0001-01-01 00:00:00", None),
    ],
)
def test_times_are_decoded_and_absent_ones_are_none(
    code: str, times: dict[str, Any], text: str | None, moment: datetime | None
) -> None:
    one = read(figures(1.0, **times), code)
    assert (one.update_time, one.updated_at) == (text, moment)


@pytest.mark.parametrize(
    "stamp", [float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 253_402_300_800.0, -1e13]
)
def test_a_timestamp_out_of_range_is_none_and_the_figures_are_kept(stamp: float) -> None:
    one = read(figures(1.0, updateTimestamp=stamp))
    assert (one.updated_at, one.capital_in_big) == (None, 1.0)


@pytest.mark.parametrize("field", FIGURES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_not_finite_is_a_protocol_error(field: str, value: float) -> None:
    body = figures(1.0, **{"capitalInSuper": 1.0, field: value})
    with pytest.raises(ProtocolError, match=r"about HK\.00700 holds figures that are not finite"):
        read(body)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("field", FIGURES)
def test_a_figure_whose_total_would_not_be_finite_is_a_protocol_error(
    field: str, sign: int
) -> None:
    for value in (1.7e308, 1.1e300):
        with pytest.raises(ProtocolError, match="not finite numbers"):
            read(figures(1.0, **{"capitalInSuper": 1.0, field: sign * value}))


def test_the_largest_accepted_figures_have_finite_totals() -> None:
    one = read(figures(1e300, capitalInSuper=1e300, capitalOutBig=-1e300, capitalOutSuper=-1e300))
    assert (one.net, one.main_net) == (6e300, 4e300)


def test_negative_figures_are_kept() -> None:
    assert read(figures(-5.5)).capital_in_big == -5.5


@needs_fast_protobuf
def test_an_update_time_that_is_not_utf_8_is_decoded_with_replacements() -> None:
    s2c = capital_distribution_pb2.Response.FromString(figures(1.0)).s2c.SerializeToString()
    body = b"\x08\x00\x22" + bytes([len(s2c) + 4]) + s2c + raw_text(7, b"\xff\xfe")
    one = read(body)
    assert (one.update_time, one.updated_at) == ("��", None)


# Replies without figures


def test_a_success_without_figures_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match=r"about HK\.00700 reports success but holds no fig"):
        read(b"\x08\x00")


@pytest.mark.parametrize("field", REQUIRED)
def test_the_error_names_a_missing_required_field(field: str) -> None:
    message = capital_distribution_pb2.Response.FromString(figures(1.0))
    message.s2c.ClearField(field)
    with pytest.raises(ProtocolError, match=rf"lacks required fields: s2c\.{field}$"):
        read(message.SerializePartialToString())


def test_a_reply_without_a_result_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="lacks required fields: retType$"):
        read(b"")


@pytest.mark.parametrize("body", [b"\xff", b"\x0b", figures(1.0)[:-1], b"\x22\xff\xff\xff\xff\x0f"])
def test_the_error_for_undecodable_bytes_names_the_expected_message(body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(body)
    assert str(caught.value) == (
        "a reply cannot be decoded as aiocapdist.capital_distribution.Response"
    )
    assert caught.value.__cause__ is None


def test_unknown_fields_are_ignored() -> None:
    assert read(figures(1.0) + raw_text(15, b"new")).capital_in_big == 1.0


@settings(max_examples=300)
@given(st.data())
def test_arbitrary_bytes_raise_documented_errors_only(data: st.DataObject) -> None:
    good = figures(1.0, updateTime=TEXT, updateTimestamp=STAMP, capitalInSuper=1.0)
    body = bytearray(data.draw(st.binary(max_size=40) | st.just(good)))
    for _ in range(data.draw(st.integers(0, 3)) if body else 0):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        one = read(bytes(body))
    except AiocapdistError:
        return
    assert parse_response(capital_distribution_pb2.Response, bytes(body)).retType == 0
    assert abs(one.net) < float("inf")


def test_protobufs_slow_decoder_gives_the_same_errors() -> None:
    """It rejects strings that are not UTF-8, which the fast one returns as bytes."""
    script = (
        "from aiocapdist._pb import capital_distribution_pb2 as pb\n"
        "from aiocapdist._protocol.response import parse_response\n"
        "from aiocapdist.errors import ProtocolError\n"
        "try: parse_response(pb.Response, bytes([8, 1, 18, 1, 255]))\n"
        "except ProtocolError as error: print(error)\n"
    )
    environment = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("a reply cannot be decoded as aiocapdist.capital_distribution")
