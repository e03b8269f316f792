"""A sweep of a large collection leaves the loop to others, from its start to its end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import anyio
import anyio.lowlevel
import pytest

import aiocapdist
from aiocapdist import Client
from aiocapdist._requests.given_codes import COUNTED_AT_ONCE
from aiocapdist.simulator import Simulator

pytestmark = pytest.mark.anyio

COUNT = 5 * COUNTED_AT_ONCE


class WatchedCodes(Collection[str]):
    """Wrong codes, which need no request. Tells how many are looked at in a turn of the loop."""

    def __init__(self, repeated: bool) -> None:
        self._names = [str(n // 2 if repeated else n) for n in range(COUNT)]
        self.looked_at = 0

    def __iter__(self) -> Iterator[str]:
        for name in self._names:
            self.looked_at += 1
            yield name

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    async def turns(self, most: list[int]) -> None:
        """Note the most that were looked at in a turn."""
        while True:
            before = self.looked_at
            await anyio.lowlevel.checkpoint()
            most[0] = max(most[0], self.looked_at - before)


async def iterate(client: Client, codes: WatchedCodes) -> int:
    return len([outcome async for outcome in client.capital_distributions(codes)])


async def collect(client: Client, codes: WatchedCodes) -> int:
    return len((await client.capital_distributions(codes).collect()).errors)


@pytest.mark.parametrize("repeated", [False, True], ids=["distinct", "repeated"])
@pytest.mark.parametrize("sweep", [iterate, collect])
async def test_no_turn_looks_at_more_than_some_codes(
    sweep: Callable[..., object], repeated: bool
) -> None:
    codes, most = WatchedCodes(repeated), [0]
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(codes.turns, most)
            await anyio.lowlevel.checkpoint()
            got = await sweep(client, codes)  # type: ignore[misc]
            group.cancel_scope.cancel()
    assert got == (COUNT // 2 if repeated and sweep is collect else COUNT)
    assert 0 < most[0] <= 2 * COUNTED_AT_ONCE


async def test_a_second_task_that_reads_while_codes_are_counted_gets_an_error() -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        reader = aiter(client.capital_distributions(WatchedCodes(repeated=False)))
        got: list[str] = []

        async def read() -> None:
            try:
                got.append((await anext(reader)).code)
            except RuntimeError as error:
                got.append(str(error)[:21])

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            group.start_soon(read)
    assert got == ["two tasks read one sw", "0"]


async def test_it_can_be_left_while_codes_are_counted() -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        sweep = client.capital_distributions(WatchedCodes(repeated=False))
        reader = aiter(sweep)
        await sweep.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(reader)


async def test_closing_the_client_while_codes_are_counted_ends_them_all() -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        codes = [f"SH.{n:06d}" for n in range(COUNT)]
        reader = aiter(client.capital_distributions(codes))
        await client.aclose()
        errors = {type((await anext(reader)).error) for _ in range(COUNT)}
        with pytest.raises(StopAsyncIteration):
            await anext(reader)
    assert errors == {aiocapdist.ClientClosed}
