"""Several simulators, and one client over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import anyio

import aiocapdist
from aiocapdist import ClientGroup, Outcome
from aiocapdist.simulator import Simulator

from .leftovers import left_in, left_in_line, left_in_quota


class Fleet(NamedTuple):
    """What the gateways are by the names that the group has for them."""

    clients: ClientGroup
    opends: dict[str, Simulator]

    @property
    def both(self) -> tuple[Simulator, ...]:
        return tuple(self.opends.values())


@asynccontextmanager
async def fleet(*opends: Simulator, memory: bool = False, **options: Any) -> AsyncIterator[Fleet]:
    """A group over these; ``options`` are for each ``connect()``, a list of them one for each."""
    async with AsyncExitStack() as stack:
        for opend in opends:
            await stack.enter_async_context(opend)
        connects = [
            aiocapdist.connect(
                *((opend.memory,) if memory else ("127.0.0.1", opend.port)),
                **{
                    name: value[n] if isinstance(value, list) else value
                    for name, value in options.items()
                },
            )
            for n, opend in enumerate(opends)
        ]
        if memory:  # virtual time: who waits for ever is told of at once
            stack.enter_context(anyio.fail_after(20_000.0))
        clients = await stack.enter_async_context(aiocapdist.connect_many(connects))
        yield Fleet(clients, dict(zip(clients.clients, opends, strict=True)))


def asked(opend: Simulator) -> list[str | None]:
    """Every code that it was asked about, in order."""
    return [request.code for request in opend.requests if request.proto_id == 3212]


def answered(opend: Simulator) -> set[str | None]:
    """The codes about which it gave an answer of any kind."""
    kinds = ("answered", "unknown", "unsupported")
    return {request.code for request in opend.requests if request.outcome in kinds}


def check_who_answered(outcomes: list[Outcome], opends: dict[str, Simulator]) -> Counter[str]:
    """The gateways' own logs are the witness; returns how many each answered."""
    shares: Counter[str] = Counter()
    for outcome in outcomes:
        assert outcome.gateway is not None, outcome
        assert outcome.code in answered(opends[outcome.gateway])
        shares[outcome.gateway] += 1
    return shares


def left_in_group(clients: ClientGroup) -> dict[str, Any]:
    """Entries of the group's tables, and of its clients', when nobody calls: none."""
    fleet = clients._hub
    lanes = {clients._singles, clients._free, *clients._queues.values()}
    tables: dict[str, Any] = {
        "questions at the desk": clients._single_flight.pending,
        "requests in lanes": [request for lane in lanes for request in lane._waiting],
        "lanes": fleet.listeners - lanes,
        "listeners": fleet.publisher._awaited,
    }
    left = {name: table for name, table in tables.items() if len(table)}
    for quota in {s for v in fleet._all.values() for s in v._schedulers}:
        left |= left_in_quota(quota)
    left |= left_in_line(fleet.unlimited)
    for client in clients.clients.values():
        left |= {
            name: table
            for name, table in left_in(client).items()
            if name != "lanes" or table != {fleet}
        }
    return left


async def swept(clients: ClientGroup, wanted: list[str]) -> list[Outcome]:
    """All outcomes, as they came."""
    return [outcome async for outcome in clients.capital_distributions(wanted)]


def opends(n: int = 2, **options: Any) -> list[Simulator]:
    """So many simulators, whose replies take 50 ms."""
    return [Simulator(latency=0.05, **options) for _ in range(n)]
