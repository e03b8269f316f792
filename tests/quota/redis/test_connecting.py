"""Making one and connecting with it: the key, the arguments, and each way in which it fails."""

from __future__ import annotations

import math
import socket
import sys
import traceback
from typing import Any
from uuid import uuid4

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import QuotaUnavailable
from aiocapdist.quota import RedisQuota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.simulator import Simulator

from ...support.leaks import Baseline
from ...support.ports import kept_port
from .servers import Server, needs_redis, running

pytestmark = [needs_redis, pytest.mark.anyio]
USER = 10_000_000  # the simulator's, and its seed


async def failure(url: str, key: str | None = "key", **options: Any) -> QuotaUnavailable:
    """What connecting with such a quota raises, in time, leaving nothing."""
    quota = RedisQuota(url, key, lease=1.0, **options)
    room = Baseline()
    with anyio.fail_after(10), pytest.raises(QuotaUnavailable) as caught:
        began = anyio.current_time()
        async with aiocapdist.connect(port=1, quota=quota):
            raise AssertionError("it let us in")
    assert anyio.current_time() - began < 4.0, "half a lease, and what a busy machine takes"
    await room.wait_restored()
    assert scheduler_of(quota).listeners == []
    return caught.value


# ---- the key


async def test_its_key_is_made_of_the_user_and_the_call(redis_server: Server) -> None:
    quota = RedisQuota(redis_server.url)
    assert quota.key is None
    assert quota.available == 0, "nothing is granted before it is known whose the tokens are"
    seed = int(uuid4().hex[:6], 16)
    key = f"aiocapdist:{{{USER + seed}}}:3212"
    redis_server.warm(key)
    with anyio.fail_after(5):
        async with (
            Simulator(seed=seed) as opend,
            aiocapdist.connect(port=opend.port, quota=quota) as client,
        ):
            await client.capital_distribution("HK.00700")
            assert quota.available == 29
    assert quota.key == key
    assert redis_server.book(key)["terms"] == "limit=30, period=30, margin=0.05, lease=10"


async def test_a_key_that_is_given_stays(redis_server: Server) -> None:
    key = uuid4().hex
    redis_server.warm(key)
    quota = RedisQuota(redis_server.url, key)
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=quota) as client,
        ):
            await client.capital_distribution("HK.00700")
    assert quota.key == key
    assert redis_server.leases(key) == {"expiring": 1}


async def test_two_accounts_need_a_quota_each(redis_server: Server) -> None:
    quota = RedisQuota(redis_server.url)
    with anyio.fail_after(5):
        async with Simulator(seed=1) as opend, Simulator(seed=2) as other:
            async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                with pytest.raises(QuotaUnavailable, match="it counts for another account"):
                    async with aiocapdist.connect(port=other.port, quota=quota):
                        raise AssertionError("it let us in")
                assert client.status.state == "ready"
    assert scheduler_of(quota).listeners == []


async def test_the_websocket_door_tells_no_user(redis_server: Server) -> None:
    pytest.importorskip("websockets")
    quota = RedisQuota(redis_server.url)
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend:
            url = f"ws://127.0.0.1:{opend.websocket_port}"
            with pytest.raises(QuotaUnavailable, match="has no key; give RedisQuota a key"):
                async with aiocapdist.connect(url, quota=quota):
                    raise AssertionError("it let us in")


# ---- who is not there, or not what was looked for


async def test_where_nobody_listens() -> None:
    with kept_port() as port:
        error = await failure(f"redis://:secret@127.0.0.1:{port}/3")
    assert error.where == f"redis://127.0.0.1:{port}/3"
    assert "connecting to" in error.reason
    assert "check that it runs there" in error.hint
    assert "secret" not in "".join(traceback.format_exception(error))


async def test_where_nobody_answers() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        error = await failure(f"redis://127.0.0.1:{listener.getsockname()[1]}")
    assert error.reason == "it does not answer"


async def test_where_the_password_is_wrong_or_missing() -> None:
    with running("--requirepass", "rightword") as server:
        for secret in (":wrongword@", "", "someone:rightword@"):
            for key in ("key", None):
                error = await failure(server.url.replace("//", f"//{secret}"), key)
                assert error.reason == "it rejects the user or the password"
                assert "word@" not in "".join(traceback.format_exception(error))
        quota = RedisQuota(server.url.replace("//", "//:rightword@"), "key")
        await scheduler_of(quota).prepare()
        assert "rightword" not in repr(quota)


async def test_where_the_user_may_not(redis_server: Server) -> None:
    redis_server.say(
        "ACL", "SETUSER", "mayless", "reset", "on", ">word", "~key", "+evalsha", "+eval"
    )
    error = await failure(redis_server.url.replace("//", "//mayless:word@"))
    assert error.reason == "its user may not do what is needed"
    assert "+hgetall" in error.hint
    allowed = ["+time", "+info", "+hgetall", "+hset", "+hdel", "+hincrby"]
    redis_server.say("ACL", "SETUSER", "mayless", *allowed)
    quota = RedisQuota(redis_server.url.replace("//", "//mayless:word@"), "key")
    await scheduler_of(quota).prepare()
    redis_server.say("DEL", "key")


@pytest.mark.parametrize("command", ["SET {} theirs", "HSET {} their own", "LPUSH {} theirs"])
async def test_where_the_key_is_somebody_elses(redis_server: Server, command: str) -> None:
    key = uuid4().hex
    redis_server.say(*command.format(key).split())
    error = await failure(redis_server.url, key)
    assert error.reason == "its key holds something else"


async def test_where_others_agreed_on_other_terms(redis_server: Server) -> None:
    key = uuid4().hex
    redis_server.warm(key)
    quota = RedisQuota(redis_server.url, key, 20)
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=quota) as client,
        ):
            await client.capital_distribution("HK.00700")
            error = await failure(redis_server.url, key)
    assert error.reason == "other programs use this key with different settings"


async def test_a_replica_is_none() -> None:
    with running() as server, running() as other:
        assert server.url != other.url
        server.say("CONFIG", "SET", "replica-read-only", "yes")
        server.say("REPLICAOF", "127.0.0.1", "1")
        error = await failure(server.url)
    assert error.reason in {"it is a replica", "it is loading its data"}


async def test_a_server_that_is_frozen() -> None:
    with running() as server:
        server.freeze()
        error = await failure(server.url)
        server.thaw()
    assert error.reason == "it does not answer"


def test_on_trio_it_says_what_to_do(redis_server: Server) -> None:
    async def main() -> None:
        with pytest.raises(QuotaUnavailable, match=r"on asyncio only, and this is trio; "):
            async with aiocapdist.connect(quota=RedisQuota(redis_server.url, "key")):
                raise AssertionError("it let us in")

    trio.run(main)


def test_without_redis_py_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'aiocapdist\[redis\]'"):
        RedisQuota("redis://localhost")


# ---- arguments


@pytest.mark.parametrize(
    "url",
    [
        *("localhost", "http://localhost", "", "redis://:se/cret@localhost:6379"),
        *("redis://localhost:x", "redis://localhost?unheard=of", "redis://localhost?db=x"),
    ],
)
def test_a_url_that_is_none_is_not_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="url is the address of a Redis server: ") as caught:
        RedisQuota(url)
    said = "".join(traceback.format_exception(caught.value))
    assert "cret" not in str(caught.value)
    assert "During handling" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": ""}, "key is the name of a key of the server's, not ''"),
        ({"key": 5}, "key is the name of a key of the server's, not 5"),
        ({"lease": 0}, "lease must be a positive number of seconds, not 0"),
        ({"lease": math.inf}, "lease must be a positive number of seconds, not inf"),
        ({"fallback": 0}, "fallback must be a number of tokens up to 30, not 0"),
        ({"fallback": 31}, "fallback must be a number of tokens up to 30, not 31"),
        ({"fallback": 1.5}, "fallback must be a number of tokens up to 30, not 1.5"),
        ({"fallback": True}, "fallback must be a number of tokens up to 30, not True"),
    ],
    ids=str,
)
def test_wrong_arguments_are_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RedisQuota("redis://localhost", **options)


def test_its_repr_tells_where_it_is_and_no_password() -> None:
    quota = RedisQuota("rediss://user:secret@example.com:7000/2", "my key")
    assert repr(quota) == (
        "<RedisQuota 30 per 30 s: 0 available, 0 waiting, 0 rejections, "
        "at redis://example.com:7000/2 my key>"
    )
