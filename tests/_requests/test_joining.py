"""Joining a request: a sweep or a watch never joins one that nobody will answer."""

from __future__ import annotations

from typing import Any

import pytest

from aiocapdist import Security
from aiocapdist._requests.kinds import DistributionRequest
from aiocapdist._requests.single_flight import Distributions, SingleFlight
from aiocapdist._requests.sweep_source import SweepSource

from ..support.queues import Setup

CODE = "HK.00700"


@pytest.mark.parametrize("after", ["sent", "queued"])
def test_a_sweep_does_not_join_a_call_of_its_code_that_is_being_cancelled(after: str) -> None:
    """The token of a call whose bytes were not sent goes to the sweep, in the same moment."""
    setup = Setup(1)
    single_flight: Distributions = SingleFlight(DistributionRequest, setup.hub.clock, 3)

    def call(code: str) -> Any:
        return single_flight.join(code, Security.parse(code), setup.queue)

    call("HK.00001")
    sweep = SweepSource([CODE], setup.queue, single_flight, timeout=None, max_age=0.0)
    sweep.start()
    cancelled = call(CODE)
    setup.schedulers[0].replied(0.0)
    setup.hub.now = 30.0
    if after == "sent":
        setup.schedulers[0].pump()
        assert setup.connection().sent[-1] is cancelled
        setup.gateways[0].cancel = lambda flight: False  # type: ignore[method-assign]
    cancelled.cancel_if_unwanted()
    setup.schedulers[0].pump()
    own = setup.connection().sent[-1]
    assert own is not cancelled
    assert own.key == CODE
    assert list(sweep._pending) == [own]
    assert single_flight.pending[CODE] is own
