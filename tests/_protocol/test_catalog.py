"""The table of proto ids."""

from __future__ import annotations

from aiocapdist._protocol.catalog import (
    CAPITAL_DISTRIBUTION,
    CAPITAL_FLOW,
    CONNECTION_ONLY,
    COUNTED,
    MAX_BODY,
    NOTIFY,
    PUSHES,
    BodyLimits,
)

from .messages import REQUESTS
from .peer import figures


def test_capital_distribution_is_the_only_counted_request() -> None:
    assert {CAPITAL_DISTRIBUTION, CAPITAL_FLOW} == {3212, 3211} == COUNTED


def test_limits_are_small_but_many_times_what_opend_sends() -> None:
    longest = figures(1e300, updateTime="2025-10-09 16:53:20.123456", updateTimestamp=1e9)
    assert len(longest) * 50 < MAX_BODY[3212]
    assert max(size for proto_id, size in MAX_BODY.items() if proto_id != 3211) <= 65_536


def test_an_unknown_proto_id_has_the_limit_of_the_largest_frame() -> None:
    assert BodyLimits(2**20)[3210] == 2**20
    assert BodyLimits(2**20)[3212] == BodyLimits(1)[3212] == 16_384


def test_pushes_are_no_requests() -> None:
    assert NOTIFY in PUSHES
    assert not PUSHES & REQUESTS.keys()
    assert not PUSHES & CONNECTION_ONLY
    assert not PUSHES & {3004, 3006, 3008, 3010, 3012, 3014, 3260}  # the requests next to them
