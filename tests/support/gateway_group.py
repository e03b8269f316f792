"""Several simulators, and one client group over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import anyio

import aiocapdist
from aiocapdist import ClientGroup, Outcome
from aiocapdist.simulator import Simulator


class GatewayGroup(NamedTuple):
    """A client group, and its simulators by the group's names for them."""

    clients: ClientGroup
    opends: dict[str, Simulator]


@asynccontextmanager
async def gateway_group(
    *opends: Simulator, memory: bool = False, **options: Any
) -> AsyncIterator[GatewayGroup]:
    """Run these simulators and a group over them.

    ``options`` go to each ``connect()``; a list has one value for each.
    """
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
        if memory:  # virtual time: this makes a call that never ends fail at once
            stack.enter_context(anyio.fail_after(20_000.0))
        clients = await stack.enter_async_context(aiocapdist.connect_many(connects))
        yield GatewayGroup(clients, dict(zip(clients.clients, opends, strict=True)))


def simulators(n: int = 2, **options: Any) -> list[Simulator]:
    """Return ``n`` simulators whose replies take 50 ms."""
    return [Simulator(latency=0.05, **options) for _ in range(n)]


def answered_codes(opend: Simulator) -> set[str | None]:
    """Return the codes that the simulator answered in any way."""
    kinds = ("answered", "unknown", "unsupported")
    return {request.code for request in opend.requests if request.outcome in kinds}


def count_by_gateway(outcomes: list[Outcome], opends: dict[str, Simulator]) -> Counter[str]:
    """Count outcomes by gateway, after checking each against that gateway's own log."""
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        assert outcome.gateway is not None, outcome
        assert outcome.code in answered_codes(opends[outcome.gateway])
        counts[outcome.gateway] += 1
    return counts


async def sweep_outcomes(clients: ClientGroup, codes: list[str]) -> list[Outcome]:
    """Return all outcomes of a sweep, in the order they came."""
    return [outcome async for outcome in clients.capital_distributions(codes)]
