"""Its test: real sockets, made-up figures, no account. ``pip install pytest anyio``."""

import pytest
from my_alarm import being_left

import aiocapdist
from aiocapdist.simulator import Simulator

CODES = ["HK.00700", "HK.00005", "US.AAPL", "US.999999"]


@pytest.mark.anyio
async def test_being_left() -> None:
    # With a clock that stands still, the same seed gives the same figures each time.
    async with (
        Simulator(seed=3, now=lambda: 1_700_000_000.0) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):
        left = await being_left(client, CODES)
    assert left == ["HK.00005"]
    assert [request.code for request in opend.requests if request.proto_id == 3212] == CODES


@pytest.mark.anyio
async def test_it_waits_for_the_quota() -> None:
    codes = [f"HK.{n:05d}" for n in range(1, 13)]
    async with (
        Simulator(quota=(5, 0.2)) as opend,
        aiocapdist.connect(port=opend.port, quota=aiocapdist.Quota(5, 0.2)) as client,
    ):
        await being_left(client, codes)
    assert opend.largest_window == 5
    assert "refused" not in {request.outcome for request in opend.requests}
