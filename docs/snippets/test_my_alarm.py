"""Its test: real sockets, made-up figures, no account."""

import pytest

import aiocapdist
from aiocapdist.testing import OpenD
from my_alarm import being_left

CODES = ["HK.00700", "HK.00005", "US.AAPL", "US.999999"]


@pytest.mark.anyio
# The same figures each time.
@pytest.mark.opend(seed=3, now=lambda: 1_700_000_000.0)
async def test_being_left(opend: OpenD) -> None:
    async with aiocapdist.connect() as client:
        assert await being_left(client, CODES) == ["HK.00005"]
    assert opend.codes == CODES


@pytest.mark.anyio
@pytest.mark.opend(quota=(5, 0.2))
async def test_it_waits_for_the_quota(opend: OpenD) -> None:
    codes = [f"HK.{n:05d}" for n in range(1, 13)]
    async with aiocapdist.connect(quota=aiocapdist.Quota(5, 0.2)) as client:
        await being_left(client, codes)
    assert opend.largest_window == 5
    assert "refused" not in {request.outcome for request in opend.requests}
