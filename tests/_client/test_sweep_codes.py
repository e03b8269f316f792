"""What users give a sweep: lists with doubles, oddities and things that are no strings."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import InvalidCode, Quota
from aiocapdist.simulator import Simulator

pytestmark = pytest.mark.anyio


def asked(opend: Simulator) -> list[str]:
    return [str(r.code) for r in opend.requests if r.proto_id == 3212]


async def swept(codes: Any, **quota: Any) -> tuple[Counter[str], list[str]]:
    """How often each code had an outcome, and what was asked for them."""
    with anyio.fail_after(5):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(opend.memory, quota=Quota(1000, 1.0)) as client,
        ):
            outcomes = [o async for o in client.capital_distributions(codes)]
            return Counter(o.code for o in outcomes), asked(opend)


CODES = ("HK.00700", "US.AAPL", "HK.00001")


@pytest.mark.parametrize(
    "kind",
    [list, tuple, set, frozenset, deque, iter, dict.fromkeys, lambda c: dict.fromkeys(c).keys()],
    ids=["list", "tuple", "set", "frozenset", "deque", "iterator", "dict", "view"],
)
async def test_any_iterable_of_codes_will_do(
    kind: Callable[[Iterable[str]], Iterable[str]],
) -> None:
    outcomes, requests = await swept(kind(CODES))
    assert outcomes == Counter(CODES)
    assert Counter(requests) == Counter(CODES)


async def test_a_code_of_a_kind_of_string_is_a_code() -> None:
    class Watched(StrEnum):
        TENCENT = "HK.00700"

    class Code(str):
        __slots__ = ()

    outcomes, requests = await swept([Watched.TENCENT, Code("HK.00700"), "HK.00700"])
    assert outcomes == {"HK.00700": 3}
    assert requests == ["HK.00700"]


async def test_a_list_may_have_everything_in_it() -> None:
    odd: list[Any] = [
        None,
        5,
        5,
        5.0,
        b"HK.00700",
        ["HK.00700"],
        {},
        "",
        "hk.00700",
        float("nan"),
        object,
    ]
    outcomes, requests = await swept([*odd, "HK.00700", *odd])
    assert outcomes.total() == 2 * len(odd) + 1
    assert outcomes["HK.00700"] == 1
    assert requests == ["HK.00700"]


@pytest.mark.parametrize("odd", [5, None, "x", b"HK.00700"], ids=repr)
async def test_a_double_beside_something_odd_costs_one_request(odd: object) -> None:
    codes = ["HK.00700", odd, *(f"SH.{n:06d}" for n in range(50)), odd, "HK.00700"]
    outcomes, requests = await swept(codes)
    assert outcomes["HK.00700"] == 2
    assert requests.count("HK.00700") == 1


async def test_a_double_beside_something_unhashable_costs_one_request() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(opend.memory, quota=Quota(1, 0.001, margin=0.0)) as client,
        ):
            codes: list[Any] = ["HK.00700", ["x"], "HK.00001", "HK.00002", "HK.00700"]
            report = await client.capital_distributions(codes).collect()
            assert isinstance(report.errors["['x']"], InvalidCode)
            assert asked(opend).count("HK.00700") == 1


@pytest.mark.parametrize("codes", [[1, 1.0], [True, 1], [0.0, -0.0]], ids=repr)
async def test_things_that_are_equal_but_look_different_each_have_an_outcome(
    codes: list[Any],
) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            report = await client.capital_distributions(codes).collect()
            assert list(report.errors) == [repr(code) for code in codes]


async def test_a_string_and_a_thing_that_looks_like_it_each_have_their_outcomes() -> None:
    outcomes, _ = await swept(["5", "5", 5, 5])
    assert outcomes == {"5": 4}


@pytest.mark.parametrize(
    ("codes", "text"),
    [("HK.00700", r"try \['HK.00700'\]"), (b"HK.00700", r"not one string")],
)
async def test_one_string_is_a_mistake(codes: Any, text: str) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with pytest.raises(TypeError, match=text):
                client.capital_distributions(codes)


@pytest.mark.parametrize("codes", [None, 5])
async def test_what_is_no_iterable_is_a_type_error_at_once(codes: Any) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with pytest.raises(TypeError, match="codes is a list of codes, not"):
                client.capital_distributions(codes)
            await client.global_state()
            assert asked(opend) == []


async def test_an_iterable_that_breaks_at_once_ends_the_sweep_with_its_own_error() -> None:
    def codes() -> Iterator[str]:
        raise LookupError("no list today")
        yield "HK.00700"

    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with pytest.raises(LookupError, match="no list today"):
                async for _ in client.capital_distributions(codes()):
                    raise AssertionError("nothing was asked")
            assert client.quota.waiting == 0


async def test_iterating_its_reader_goes_on_where_it_was() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            reader = aiter(client.capital_distributions(CODES))
            first = [(await anext(reader)).code]
            async for outcome in reader:
                first.append(outcome.code)
                break
            rest = [outcome.code async for outcome in reader]
            assert Counter(first + rest) == Counter(CODES)
            with pytest.raises(StopAsyncIteration):
                await anext(reader)


@pytest.mark.parametrize("kind", [list, deque, set, dict.fromkeys])
async def test_a_collection_may_change_once_there_is_an_outcome(
    kind: Callable[[Iterable[str]], Any],
) -> None:
    wanted = [f"HK.{n:05d}" for n in range(300)]
    codes = kind(wanted)
    with anyio.fail_after(5):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(opend.memory, quota=Quota(1000, 1.0)) as client,
        ):
            reader = aiter(client.capital_distributions(codes))
            got = [(await anext(reader)).code]
            codes.clear()
            got += [outcome.code async for outcome in reader]
    assert Counter(got) == Counter(wanted)
