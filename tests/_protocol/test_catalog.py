"""The table of calls."""

from __future__ import annotations

import pytest

from aiocapdist._protocol import catalog
from aiocapdist._protocol.catalog import CATALOG, PUSHES, Call, Caps

from .peer import figures


@pytest.mark.parametrize(
    ("proto_id", "name"),
    [
        (1001, "InitConnect"),
        (1002, "GetGlobalState"),
        (1003, "Notify"),
        (1004, "KeepAlive"),
        (3212, "Qot_GetCapitalDistribution"),
    ],
)
def test_each_call_is_found_by_its_id(proto_id: int, name: str) -> None:
    assert CATALOG[proto_id].name == name


@pytest.mark.parametrize("call", CATALOG.values(), ids=lambda call: call.name)
def test_a_row_fits_together(call: Call) -> None:
    assert CATALOG[call.proto_id] is call
    response = call.response.DESCRIPTOR
    assert {"retType", "s2c"} <= set(response.fields_by_name)
    assert (call.request is None) == (call.proto_id in PUSHES)
    if call.request is not None:
        request = call.request.DESCRIPTOR
        assert request.file is response.file
        assert (request.name, response.name) == ("Request", "Response")


def test_the_quota_counts_capital_distribution_alone() -> None:
    assert {call.proto_id for call in CATALOG.values() if call.counted} == {3212}


def test_reads_may_be_sent_again_and_hand_shakes_may_not() -> None:
    again = {call.proto_id for call in CATALOG.values() if call.repeatable}
    assert again == {1002, 1004, 3212}


def test_caps_are_small_yet_many_times_what_opend_sends() -> None:
    longest = figures(1e300, updateTime="2025-10-09 16:53:20.123456", updateTimestamp=1e9)
    assert len(longest) * 50 < CATALOG[3212].cap
    assert max(call.cap for call in CATALOG.values()) <= 65_536


def test_a_call_that_is_not_in_the_table_may_be_as_long_as_the_largest_frame() -> None:
    assert Caps(2**20)[3211] == 2**20
    assert Caps(2**20)[3212] == Caps(1)[3212] == 16_384


def test_what_is_pushed_is_not_what_is_asked() -> None:
    assert catalog.NOTIFY in PUSHES
    asked = {call.proto_id for call in CATALOG.values() if call.request is not None}
    assert not PUSHES & asked
    assert not PUSHES & {3004, 3006, 3008, 3010, 3012, 3014, 3260}  # the calls beside the pushes
