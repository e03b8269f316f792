"""How a quota on a Redis server stands, as somebody sees it who does not use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anyio
import pytest

from aiocapdist import QuotaUnavailable
from aiocapdist.quota._core.snapshot import QuotaSnapshot
from aiocapdist.quota._redis.connection import RedisConnection
from aiocapdist.quota._redis.exchange import Report, Terms, TokenRequest
from aiocapdist.quota._redis.snapshot import read_book, snapshot_of_server

from .redis.servers import Server, needs_redis

TERMS = Terms(limit=3, period=30.0, margin=0.05, lease=10.0)
NOW = 1_700_000_000.0


def at(seconds: float) -> str:
    """A time of the server's, so far from now, as the book has it."""
    return str(round((NOW + seconds) * 1000))


def seen(book: dict[str, str], *, restarted: bool = False) -> QuotaSnapshot:
    return read_book("here", TERMS, book, NOW, restarted=restarted)


# ---- the book


def test_a_holder_that_was_heard_of_within_its_lease_is_alive() -> None:
    told = seen({"held:nas.7.ab.0": at(35.0), "expiring:nas.7.ab.1": at(12.0)})
    assert (told.free, told.held, told.expiring) == (1, 1, 1)
    (holder,) = told.owners
    assert (holder.owner, holder.presence) == ("nas.7.ab", "alive")
    assert told.all_back_in == TERMS.expiry, "what is held is taken to be answered now"


def test_one_whose_lease_has_ended_is_dead_and_its_tokens_have_their_time() -> None:
    (holder,) = seen({"held:nas.7.ab.0": at(31.0)}).owners
    assert holder.presence == "dead"
    assert holder.all_back_in == pytest.approx(31.0, abs=0.01)


def test_of_one_whose_tokens_only_expire_nothing_is_known() -> None:
    told = seen({"rejected:nas.7.ab.0": at(5.0), "rejections": "4"})
    (holder,) = told.owners
    assert (holder.presence, holder.expiring, told.rejections) == ("out of sight", 1, 4)


def test_what_is_over_is_free_though_nobody_has_cleared_it_away() -> None:
    told = seen({"expiring:a.1.b.0": at(-1.0), "waiting:a.1.b": f"{at(-1.0)} 0 0"})
    assert (told.free, told.waiting) == (3, 0)
    assert told.owners == []


def test_who_asks_is_counted() -> None:
    assert seen({"waiting:a.1.b": f"{at(2.0)} 0 0"}).waiting == 1


def test_while_it_is_cold_nothing_is_free_and_nothing_is_back_earlier() -> None:
    told = seen({"cold": at(20.0), "expiring:a.1.b.0": at(5.0)})
    assert (told.free, told.expiring) == (0, 3)
    assert told.unknown_for == told.next_in == pytest.approx(20.0, abs=0.01)


def test_on_a_server_that_was_restarted_the_cold_wait_is_yet_to_come() -> None:
    told = seen({}, restarted=True)
    assert told.unknown_for == told.next_in == TERMS.longest == 41.05


# ---- a server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def write(server: Server) -> Callable[..., None]:
    """Do one command on the server."""
    exchange_with = RedisConnection(server.url, 5.0)

    def write(*words: str) -> None:
        async def do() -> None:
            await exchange_with.command(*words)
            await exchange_with.close()

        anyio.run(do)

    write("FLUSHALL")
    return write


def look(server: Server, key: str | None = None) -> QuotaSnapshot:
    return anyio.run(snapshot_of_server, server.url, key)


def refusal(server: Server, key: str | None = None) -> str:
    with pytest.raises(QuotaUnavailable) as raised:
        look(server, key)
    return f"{raised.value.reason}; {raised.value.hint}"


@needs_redis
def test_the_book_that_an_exchange_leaves_is_read(
    server: Server, write: Callable[..., None]
) -> None:
    async def exchange() -> None:
        lending = RedisConnection(server.url, 5.0)
        wanted = TokenRequest(eager=2, total=2, ceiling=3)
        report = Report(0.0, "nas.7.ab", names=("nas.7.ab.0", "nas.7.ab.1"), wanted=wanted)
        await lending.exchange("{mine}", report.dump(TERMS))
        await lending.close()

    anyio.run(exchange)
    told = look(server, "{mine}")
    assert (told.limit, told.period) == (3, 30.0)
    assert told.where.endswith(", key {mine}")
    assert 35.0 < told.unknown_for <= TERMS.longest + 0.1, "a new book is cold"
    assert told.waiting == 1


@needs_redis
def test_without_a_key_the_only_one_is_taken(server: Server, write: Callable[..., None]) -> None:
    assert refusal(server).startswith("there is none whose key is aiocapdist:*:3212; give its key")
    write("HSET", "aiocapdist:{1}:3212", "run", "0", "terms", str(TERMS))
    assert look(server).where.endswith("key aiocapdist:{1}:3212")
    write("HSET", "aiocapdist:{2}:3212", "run", "0", "terms", str(TERMS))
    several = "there are several: aiocapdist:{1}:3212, aiocapdist:{2}:3212; give the key of one"
    assert refusal(server) == several
    assert look(server, "aiocapdist:{2}:3212").unknown_for == TERMS.longest


@needs_redis
def test_it_is_found_among_many_other_keys(server: Server, write: Callable[..., None]) -> None:
    others = [word for n in range(5000) for word in (f"other:{n}", "")]
    write("MSET", *others)
    write("HSET", "aiocapdist:{1}:3212", "run", "0", "terms", str(TERMS))
    assert look(server).where.endswith("key aiocapdist:{1}:3212")


@needs_redis
def test_a_key_of_something_else_is_told(server: Server, write: Callable[..., None]) -> None:
    assert refusal(server, "none") == "there is none; the first program that uses it creates it"
    write("SET", "text", "milk")
    assert refusal(server, "text").startswith("its key holds something else; ")
    write("HSET", "hash", "milk", "1")
    assert refusal(server, "hash").startswith("its key holds something else; ")
    write("HSET", "hash", "run", "1", "terms", "milk")
    assert refusal(server, "hash").startswith("its key holds something else; ")


@needs_redis
def test_looking_changes_nothing(server: Server, write: Callable[..., None]) -> None:
    write("HSET", "aiocapdist:{1}:3212", "run", "0", "terms", str(TERMS), "held:a.1.b.0", at(0))

    async def dump() -> object:
        reading = RedisConnection(server.url, 5.0)
        try:
            return await reading.command("HGETALL", "aiocapdist:{1}:3212")
        finally:
            await reading.close()

    before = anyio.run(dump)
    look(server)
    assert anyio.run(dump) == before
