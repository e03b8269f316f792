"""Over TLS and by RESP3, on a server that took over, and with an account known to be idle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import anyio
import pytest
import trustme

import aiocapdist
from aiocapdist import QuotaDegraded, QuotaUnavailable
from aiocapdist._connection.event_stream import EventStream
from aiocapdist.quota import RedisQuota
from aiocapdist.quota._core.quota import scheduler_of, sibling
from aiocapdist.quota._redis.snapshot import snapshot_of_server
from aiocapdist.simulator import Simulator

from ...support.ports import kept_port
from ...support.waiting import Call, until
from ..siblings import UNLIMITED
from .servers import Server, binary_with_tls, needs_redis, running

pytestmark = [needs_redis, pytest.mark.anyio]


async def ask(quota: RedisQuota, *codes: str) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=quota) as client,
        ):
            assert not (await client.capital_distributions(codes).collect()).errors


# ---- RESP3


async def test_resp3_does_as_well(redis_server: Server) -> None:
    key = uuid4().hex
    redis_server.warm(key)
    url = f"{redis_server.url}?protocol=3"
    await ask(RedisQuota(url, key), "HK.00001", "HK.00002")
    assert redis_server.leases(key) == {"expiring": 2}
    seen = await snapshot_of_server(url, key)
    assert (seen.free, seen.expiring) == (28, 2)


# ---- TLS


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, int, Path]]:
    """A server that speaks TLS, its port, and the certificate of the authority that vouches."""
    program = binary_with_tls()
    if program is None:
        pytest.skip("no Redis server here was built with TLS")
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    issued.private_key_pem.write_to_path(str(folder / "server.key"))
    options = {
        "--tls-cert-file": folder / "server.pem",
        "--tls-key-file": folder / "server.key",
        "--tls-ca-cert-file": folder / "authority.pem",
        "--tls-auth-clients": "no",
    }
    words = [str(word) for option in options.items() for word in option]
    with kept_port() as port, running("--tls-port", str(port), *words, program=program) as server:
        yield server, port, folder / "authority.pem"


async def test_over_tls_it_does_as_well(sealed: tuple[Server, int, Path]) -> None:
    server, port, authority = sealed
    key = uuid4().hex
    server.warm(key)
    quota = RedisQuota(f"rediss://localhost:{port}/0?ssl_ca_certs={authority}", key)
    await ask(quota, "HK.00001", "HK.00002", "HK.00003")
    assert server.leases(key) == {"expiring": 3}
    assert quota.where == f"redis://localhost:{port}/0"


async def failure(url: str) -> str:
    with anyio.fail_after(5), pytest.raises(QuotaUnavailable) as caught:
        await scheduler_of(RedisQuota(url, "key", lease=2.0)).prepare()
    return caught.value.reason


async def test_a_certificate_that_nobody_vouches_for_is_told(
    sealed: tuple[Server, int, Path],
) -> None:
    _, port, _ = sealed
    reason = await failure(f"rediss://localhost:{port}/0")
    assert "certificate verify failed" in reason


async def test_speaking_plainly_to_it_and_tls_to_a_plain_one_is_told(
    sealed: tuple[Server, int, Path], redis_server: Server
) -> None:
    _, port, _ = sealed
    assert await failure(f"redis://localhost:{port}/0")
    with kept_port() as plain, running(port=plain):
        assert await failure(f"rediss://localhost:{plain}/0")


# ---- a replica that takes over while the old master is still up


def is_online(replica: dict[str, str] | None) -> bool:
    return replica is not None and replica["state"] == "online"


async def reason_in(events: EventStream) -> str:
    """Return why the quota is degraded, once that is told."""
    async for event in events:
        if isinstance(event, QuotaDegraded):
            return event.reason
    raise AssertionError("it was not told")


async def test_a_master_that_was_left_alone_lends_nothing_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both servers run, and a program of each spends: no window is exceeded."""
    limit, period, lease = 4, 0.4, 0.4
    keeps = ("--min-replicas-to-write", "1")
    with kept_port() as port, running(*keeps, port=port) as old, running() as new:
        new.say("REPLICAOF", "127.0.0.1", port)
        with anyio.fail_after(20):
            await until(lambda: is_online(old.say("INFO", "replication").get("slave0")))

            def quota_at(server: Server) -> RedisQuota:
                return RedisQuota(server.url, "key", limit, period, margin=0.02, lease=lease)

            old.warm("key")
            async with (
                Simulator(quota=(UNLIMITED, period)) as opend,
                aiocapdist.connect(port=opend.port, quota=quota_at(old)) as left,
                anyio.create_task_group() as group,
            ):
                codes = [f"HK.{n:05d}" for n in range(1, 200)]
                sweep = Call(group, left.capital_distributions(codes).collect)
                await until(lambda: len(opend.requests) > 2 * limit)
                heard = left.events()
                new.say("REPLICAOF", "NO", "ONE")
                while await reason_in(heard) != "it may not write without its replicas":
                    pass  # a busy machine may be told before that it does not answer
                async with aiocapdist.connect(port=opend.port, quota=quota_at(new)) as moved:
                    await moved.capital_distributions(codes[100:112]).collect()
                assert old.say("PING")
                sweep.cancel()
    assert opend.largest_window <= limit


# ---- an account that is known to be idle


async def test_a_new_key_of_an_idle_account_lends_at_once(redis_server: Server) -> None:
    key = uuid4().hex
    quota = RedisQuota(redis_server.url, key, assume_idle=True)
    await ask(quota, "HK.00001", "HK.00002")
    assert redis_server.leases(key) == {"expiring": 2}
    redis_server.say("DEL", key)
    store = scheduler_of(quota).store
    await store.check()
    assert store.available(store.clock(), 30) == 0, "once it was heard, a lost key is a lost key"
    assert 35.0 < quota.eta() < 42.0


async def test_it_holds_for_the_first_words_with_the_server_of_each_quota(
    redis_server: Server,
) -> None:
    quota = RedisQuota(redis_server.url, uuid4().hex, assume_idle=True)
    other = sibling(quota, "3211")
    await ask(quota, "HK.00001")
    assert isinstance(other, RedisQuota)
    await ask(other, "HK.00001")
    assert redis_server.leases(str(other.key)) == {"expiring": 1}


async def test_a_server_that_was_restarted_is_cold_all_the_same(redis_server: Server) -> None:
    key = uuid4().hex
    redis_server.say("HSET", key, "run", "0" * 40, "terms", "other")
    quota = RedisQuota(redis_server.url, key, assume_idle=True)
    await scheduler_of(quota).prepare()
    assert quota.available == 0


async def test_how_long_a_new_key_lends_nothing_is_told(redis_server: Server) -> None:
    quota = RedisQuota(redis_server.url, uuid4().hex)
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=quota) as client,
        ):
            events = client.events()
            async with anyio.create_task_group() as group:
                waiting = Call(group, client.capital_distribution, "HK.00001")
                reason = await reason_in(events)
                assert re.search(r"; nothing is granted for (3[6-9]|4[01]) s$", reason)
                waiting.cancel()
