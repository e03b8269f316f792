"""Promise 7: programs on many machines, killed at random, share one quota to the token.

Each has a wall clock of its own, wrong by up to a second: none of them matters.
"""

from __future__ import annotations

import os

import anyio
import pytest

from ...promises.scale import figure, scaled
from ..siblings import Siblings, siblings
from .servers import Server, needs_redis, running

pytestmark = [needs_redis, pytest.mark.anyio]
LIMIT, PERIOD, LEASE, MARGIN = 30, 1.0, 1.0, 0.02
KILLS = scaled(100)
SEED = int(os.environ.get("AIOCAPDIST_SEED", "0"))


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Of the counting side: the programs have loops of their own."""
    return str(request.param)


def quota(server: Server) -> str:
    terms = f"{LIMIT}, {PERIOD}, margin={MARGIN}, lease={LEASE}"
    return f"RedisQuota({server.url!r}, 'key', {terms})"


async def kill(family: Siblings, times: int) -> None:
    for _ in range(times):
        await anyio.sleep(family.random.uniform(0.0, 0.5))
        await family.kill()


def tell(family: Siblings, seconds: float, answered: int) -> None:
    figure(
        7,
        kills=family.killed,
        largest_window=family.largest_window(),
        of_what_is_allowed=f"{answered / (seconds * LIMIT / (PERIOD + MARGIN)):.1%}",
    )


async def test_eight_programs_killed_at_random_never_send_one_too_many() -> None:
    with running() as server, anyio.fail_after(60 + KILLS):
        server.warm("key")
        async with siblings(quota(server), PERIOD, seed=SEED) as family:
            began = anyio.current_time()
            await kill(family, KILLS)
            tell(family, anyio.current_time() - began, family.answered(began))
    assert family.killed == KILLS
    assert LIMIT // 2 < family.largest_window() <= LIMIT


async def test_nor_while_their_server_is_killed_as_well() -> None:
    with running() as server, anyio.fail_after(60 + KILLS):
        server.warm("key")
        async with siblings(quota(server), PERIOD, seed=SEED + 1) as family:
            for _ in range(scaled(3)):
                before = family.answered()
                await kill(family, 5)
                server.restart()
                await kill(family, 5)
                await family.until_answered(before + 2 * LIMIT)
    assert family.largest_window() <= LIMIT


async def test_what_dead_programs_held_serves_the_others_again() -> None:
    """Seven of eight die at once."""
    with running() as server, anyio.fail_after(60):
        server.warm("key")
        async with siblings(quota(server), PERIOD, seed=SEED + 2) as family:
            await family.until_answered(2 * LIMIT)
            family.leave(1)
            died = anyio.current_time()
            await family.until_answered(5 * LIMIT, since=died)
            assert anyio.current_time() - died < 2 * (LEASE + 1 + 5 * PERIOD)
    assert LIMIT // 2 < family.largest_window() <= LIMIT
