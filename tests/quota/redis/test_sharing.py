"""What programs learn of each other; and a cluster of servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from uuid import uuid4

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota
from aiocapdist.quota import RedisQuota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._redis.connection import RedisConnection
from aiocapdist.simulator import Simulator

from ...support.internals import effective_limit
from ...support.ports import kept_port
from ...support.waiting import until
from .servers import Server, needs_redis, running

pytestmark = [needs_redis, pytest.mark.anyio]
SLOTS = 16384


async def test_a_refusal_of_one_lowers_the_ceiling_of_all(redis_server: Server) -> None:
    key = uuid4().hex
    redis_server.warm(key)
    one, other = (RedisQuota(redis_server.url, key, 20, 1.0, margin=0.0) for _ in range(2))
    with anyio.fail_after(10):
        async with (
            Simulator(quota=(20, 1.0)) as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(20, 1.0)) as stranger,
            aiocapdist.connect(port=opend.port, quota=one) as mine,
            aiocapdist.connect(port=opend.port, quota=other) as theirs,
        ):
            await theirs.capital_distribution("HK.00001")
            await stranger.capital_distributions([f"HK.{n:05d}" for n in range(100, 119)]).collect()
            await mine.capital_distribution("HK.00002")
            assert one.rejections >= 1
            assert other.rejections == 0, "it has not been there since"
            events = theirs.events()
            await anext(events)  # Connected
            await theirs.capital_distribution("HK.00003")
            await until(lambda: other.rejections == one.rejections)
            assert max(effective_limit(other), effective_limit(one)) < 20


async def test_rejections_from_before_its_time_are_not_its_own(redis_server: Server) -> None:
    key = uuid4().hex
    redis_server.warm(key)
    redis_server.say("HSET", key, "rejections", "5")
    quota = RedisQuota(redis_server.url, key)
    with anyio.fail_after(10):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=quota) as client,
        ):
            await client.capital_distribution("HK.00001")
            assert quota.rejections == 0
            redis_server.say("HSET", key, "rejections", "7")
            await client.capital_distribution("HK.00002")
            assert quota.rejections == 2
            redis_server.say("HSET", key, "rejections", "1")
            await client.capital_distribution("HK.00003")
            assert quota.rejections == 2, "a server that began anew counts from nought"


# ---- a cluster


def port_of_a_node(stack: ExitStack) -> int:
    """A port that is kept, and the one 10,000 above it, for the nodes' own talk."""
    while True:
        port = stack.enter_context(kept_port())
        if port < 55_000:
            with suppress(OSError):  # taken
                stack.enter_context(kept_port(port=port + 10_000))
                return port


@pytest.fixture
def nodes() -> Iterator[tuple[int, Server]]:
    """Of two nodes one has all the keys; the port of the other, and it."""
    with ExitStack() as stack:
        ports = [port_of_a_node(stack) for _ in range(2)]
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
        asked, owner = (stack.enter_context(running(*options, port=port)) for port in ports)
        owner.say("CLUSTER", "ADDSLOTS", *range(SLOTS))
        asked.say("CLUSTER", "MEET", "127.0.0.1", ports[1])
        yield ports[0], owner


async def test_in_a_cluster_any_node_may_be_named(nodes: tuple[int, Server]) -> None:
    port, owner = nodes
    key = f"aiocapdist:{{{uuid4().hex}}}:3212"
    quota = RedisQuota(f"redis://127.0.0.1:{port}", key)
    with anyio.fail_after(20):
        while "cluster_state:ok" not in owner.say("CLUSTER", "INFO"):  # noqa: ASYNC110
            await anyio.sleep(0.05)
        owner.warm(key)
        async with Simulator() as opend:
            while True:
                try:
                    await scheduler_of(quota).prepare()
                    break
                except aiocapdist.QuotaUnavailable:  # it has not yet heard who has the keys
                    await anyio.sleep(0.05)
            async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                await client.capital_distribution("HK.00001")
                await until(lambda: owner.leases(key) == {"expiring": 1})


@pytest.mark.parametrize(
    ("words", "node"),
    [
        ("MOVED 3999 10.0.0.7:6381", {"host": "10.0.0.7", "port": 6381}),
        ("MOVED 3999 :6381", {"port": 6381}),
        ("MOVED 3999 fd00::1:6381", {"host": "fd00::1", "port": 6381}),
        ("ASK 3999 10.0.0.7:6381", None),
        ("ERR MOVED", None),
    ],
)
def test_what_a_node_says_of_another(words: str, node: object) -> None:
    from redis import ResponseError

    connection = RedisConnection("redis://localhost", 1.0)
    assert connection._node_of(ResponseError(words)) == node
