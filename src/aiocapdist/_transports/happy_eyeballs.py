"""Connect to the first of several addresses that answers (happy eyeballs, RFC 8305)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, zip_longest
from typing import Protocol, TypeVar

import anyio

from .errors import AddressesFailed

DELAY = 0.25  # seconds until the next address is tried beside a silent one, as the RFC has it


class Discardable(Protocol):
    """A connection that can be closed unused."""

    async def discard(self) -> None: ...


ConnectionT = TypeVar("ConnectionT", bound=Discardable)


def interleave(addresses: Sequence[str]) -> list[str]:
    """Return the addresses with IPv6 and IPv4 in turn; otherwise in their order."""
    first_is_ipv6 = ":" in addresses[0]
    same = [address for address in addresses if (":" in address) == first_is_ipv6]
    other = [address for address in addresses if (":" in address) != first_is_ipv6]
    pairs = chain.from_iterable(zip_longest(same, other))
    return [address for address in pairs if address is not None]


async def connect_first(
    addresses: Sequence[str],
    connect: Callable[[str], Awaitable[ConnectionT]],
    causes: dict[str, OSError],
) -> ConnectionT:
    """Return the first connection that ``connect`` establishes to one of ``addresses``.

    Begins with the next address as soon as one fails, or :data:`DELAY` after it began with one.
    ``causes`` is filled with the errors; raises AddressesFailed with them if all fail.
    Addresses still being tried have a TimeoutError in it meanwhile.
    """
    winner: ConnectionT | None = None

    async def attempt(address: str, failed: anyio.Event) -> None:
        nonlocal winner
        causes[address] = TimeoutError()
        try:
            connection = await connect(address)
        except OSError as error:
            causes[address] = error
            failed.set()
            return
        if winner is None:
            winner = connection
            group.cancel_scope.cancel()
        else:
            await _discard(connection)  # another one was faster by a moment

    try:
        # anyio's own: what attempts shield must go on, and asyncio's cancelling would end it.
        async with anyio.create_task_group() as group:
            for address in addresses:
                failed = anyio.Event()
                group.start_soon(attempt, address, failed)
                with anyio.move_on_after(DELAY):
                    await failed.wait()
    except BaseException:
        if winner is not None:
            await _discard(winner)  # cancelled at the very end
        raise
    if winner is None:
        raise AddressesFailed(causes)
    return winner


async def _discard(connection: Discardable) -> None:
    with anyio.CancelScope(shield=True):
        await connection.discard()
