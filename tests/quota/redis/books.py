"""The script on a real server, by a clock that a test moves."""

from __future__ import annotations

from importlib.resources import files
from typing import Any
from uuid import uuid4

import redis

from aiocapdist.quota._redis.exchange import Grant, Report, Settled, Terms, TokenRequest

from .servers import Server

SCRIPT = files("aiocapdist.quota._redis").joinpath("exchange.lua").read_text("utf-8")
CLOCK = "redis.call('TIME')"
TERMS = Terms(limit=4, period=30.0, margin=0.05, lease=10.0)
START = 1_700_000_000.0


class Book:
    """One book of leases; ``now`` is the server's clock."""

    def __init__(self, server: Server, terms: Terms = TERMS, *, warm: bool = True) -> None:
        assert SCRIPT.count(CLOCK) == 1
        self.now = START
        self.terms = terms
        self.key = uuid4().hex
        self.client = redis.Redis(unix_socket_path=str(server.socket), decode_responses=True)
        self._script = self.client.register_script(SCRIPT.replace(CLOCK, "cjson.decode(ARGV[2])"))
        if warm:
            server.warm(self.key)

    def close(self) -> None:
        self.client.close()

    def do(self, report: Report) -> Grant:
        """An exchange, at this moment."""
        clock = divmod(round(self.now * 1_000_000), 1_000_000)
        written = report.dump(self.terms)
        return Grant.load(self._script([self.key], [written, f"[{clock[0]},{clock[1]}]"]))

    def ask(
        self, owner: str, *names: str, eager: int = 1000, ceiling: int = 1000, leave: int = 0
    ) -> Grant:
        """Ask for tokens by these names."""
        wanted = TokenRequest(
            eager=min(eager, len(names)), total=len(names), ceiling=ceiling, leave=leave
        )
        return self.do(Report(self.now, owner, names=names, wanted=wanted))

    def settle(self, name: str, ago: float = 0.0, *, rejected: bool = False) -> Grant:
        """A request ended so long ago."""
        lease = Settled(name, self.now - ago + self.terms.expiry, rejected)
        return self.do(Report(self.now, "", settled=(lease,)))

    def release(self, *names: str) -> Grant:
        return self.do(Report(self.now, "", unused=names))

    def renew(self, *names: str) -> Grant:
        return self.do(Report(self.now, "", renewed=names))

    def look(self, heard: int = 0) -> Grant:
        return self.do(Report(self.now, "", heard=heard))

    def fields(self) -> dict[str, Any]:
        """What is written in it."""
        found: dict[str, Any] = self.client.hgetall(self.key)  # type: ignore[assignment]
        return found

    def free(self) -> int:
        """Tokens that an asker would get who came now, alone."""
        answer = self.look()
        return self.terms.limit - len(answer.counted) - len(answer.rejected)
