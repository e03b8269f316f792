"""First guesses get an answer: each error's whole text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, ClientGroup, InvalidCode, Market, Security, Sweep, sync
from aiocapdist.simulator import Simulator

from ..embedding.opend_thread import opend_in_thread

SAME = " with the same arguments"
CLIENT = (
    "a Client is made by aiocapdist.connect(): write `async with aiocapdist.connect(…) as client:`"
)
GROUP = (
    "a ClientGroup is made by aiocapdist.connect_many(): write "
    "`async with aiocapdist.connect_many([aiocapdist.connect(…), …]) as clients:`"
)
BLOCKING = (
    "a Client is made by aiocapdist.sync.connect(): write "
    "`with aiocapdist.sync.connect(…) as client:`"
)
TIMEOUT = (
    "connect() has no argument 'timeout': connect_timeout limits connecting and "
    "request_timeout the wait for each reply; timeout is an argument of each call"
)
CODES = ("HK.00700", "US.AAPL")
ENCRYPT = "connect() has no argument 'is_encrypt': rsa_key encrypts the connection"
MADE: dict[str, tuple[Callable[..., Any], dict[str, Any], str]] = {
    "client": (Client, {}, CLIENT + SAME),
    "host": (Client, {"host": "127.0.0.1", "port": 11111}, CLIENT + SAME),
    "address": (partial(ClientGroup, "127.0.0.1"), {}, GROUP + SAME),  # type: ignore[arg-type]
    "sync": (sync.Client, {}, BLOCKING + SAME),
    "timeout": (aiocapdist.connect, {"timeout": 5.0}, TIMEOUT),
    "is_encrypt": (aiocapdist.connect, {"host": "a", "is_encrypt": True}, ENCRYPT),
    "sync timeout": (sync.connect, {"timeout": 5.0}, TIMEOUT),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_otherwise(name: str) -> None:
    make, arguments, text = MADE[name]
    with pytest.raises(TypeError) as error:
        make(**arguments)
    assert str(error.value) == text


def test_other_arguments_are_python_s_to_explain() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        aiocapdist.connect(colour="red")  # type: ignore[call-arg]


def test_a_connect_that_is_shown() -> None:
    shown = repr(aiocapdist.connect())
    assert shown == "<connect(), not connected yet: use `async with`, or await it>"


@pytest.mark.parametrize("name", ["capital_distribution", "watch", "status", "quota"])
def test_a_connect_that_was_not_entered(name: str) -> None:
    with pytest.raises(AttributeError) as error:
        getattr(aiocapdist.connect(), name)
    assert str(error.value) == (
        f"'Connecting' object has no attribute {name!r}: connect() is not connected yet; write "
        "`async with aiocapdist.connect() as client:` (or `client = await aiocapdist.connect()`) "
        f"and use client.{name}"
    )


def test_a_connect_many_that_was_not_entered() -> None:
    with pytest.raises(AttributeError, match="write `async with aiocapdist.connect_many"):
        aiocapdist.connect_many([aiocapdist.connect()]).events  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'colour'$"):
        aiocapdist.connect().colour  # type: ignore[attr-defined]  # noqa: B018


def test_a_plain_with() -> None:
    with pytest.raises(TypeError) as error:
        with aiocapdist.connect():  # type: ignore[attr-defined]
            pass
    text = "connect() needs `async with`; without asyncio: "
    assert str(error.value) == f"{text}`with aiocapdist.sync.connect(…) as client:`"


NAMES = {
    "get_capital_distribution": "; here it is await client.capital_distribution(code)",
    "get_capital_flow": "; here it is await client.capital_flow(code, period)",
    "get_global_state": "; here it is await client.global_state()",
    "close": "; here it is `await client.aclose()`",
    "colour": "",
}


@pytest.mark.anyio
async def test_guesses_at_a_client() -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            for name, answer in NAMES.items():
                with pytest.raises(AttributeError) as error:
                    getattr(client, name)
                assert str(error.value) == f"'Client' object has no attribute {name!r}{answer}"
            with pytest.raises(AttributeError) as error:
                client.capital_distributio  # type: ignore[attr-defined]  # noqa: B018
            assert (error.value.name, error.value.obj) == ("capital_distributio", client)
            state = await client.global_state()
            assert state.phase_of(Market.HK) == state.market_hk
            with pytest.raises(TypeError, match="market is a Market, such as Market.HK, not 'HK'"):
                state.phase_of("HK")  # type: ignore[arg-type]
            with pytest.raises(TypeError) as wrong:
                await client.watch(["HK.00700"])  # type: ignore[misc]
            told = "a watch is not awaited: `async for change in client.watch(codes)`"
            assert str(wrong.value) == told
            with pytest.raises(TypeError) as wrong:
                await client.events()  # type: ignore[misc]
            told = "events are not awaited: `async for event in client.events()`"
            assert str(wrong.value) == told
            with pytest.raises(TypeError, match="a sweep is iterated by `async for`, or awaited"):
                list(client.capital_distributions(["HK.00700"]))  # type: ignore[call-overload]
            with pytest.raises(TypeError, match="a watch is iterated by `async for`; without"):
                list(client.watch(["HK.00700"]))  # type: ignore[call-overload]


ARGUMENTS: dict[str, Callable[[Any], Any]] = {
    "watch() has no argument 'timeout': a watch has no end; leave its loop by `break`, or put "
    "asyncio.timeout() around it": lambda client: client.watch(CODES, timeout=5.0),
    "watch() has no argument 'interval': every is the number of seconds in which each code is "
    "asked for once": lambda client: client.watch(CODES, interval=5.0),
    "capital_distributions() has no argument 'max_wait': timeout limits the whole sweep, the wait "
    "for the quota included": lambda client: client.capital_distributions(CODES, max_wait=5.0),
    "collect() has no argument 'timeout': it is an argument of capital_distributions(codes)": (
        lambda client: client.capital_distributions(CODES).collect(timeout=5.0)
    ),
    "capital_flow() has no argument 'period_type': period is an aiocapdist.Period, such as "
    "Period.DAY": lambda client: client.capital_flow(CODES[0], period_type="DAY"),
    "codes is a list of codes, not NoneType": lambda client: client.watch(None),
    "codes is a list of codes, not int": lambda client: client.capital_distributions(5),
    "codes is a list of codes, not one string; try ['HK.00700']": (
        lambda client: client.watch("HK.00700", "US.AAPL")
    ),
}


def test_mocks_of_clients_are_awaited_as_clients_are() -> None:
    client = create_autospec(Client, instance=True)
    for name in ("capital_distribution", "capital_flow", "global_state", "aclose"):
        assert isinstance(getattr(client, name), AsyncMock), name
    assert not isinstance(client.watch, AsyncMock)
    assert isinstance(create_autospec(Sweep, instance=True).collect, AsyncMock)


RESULTS = ("to_pandas", "values", "errors", "rows")


@pytest.mark.anyio
async def test_guesses_at_arguments() -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            for text, call in ARGUMENTS.items():
                with pytest.raises(TypeError) as error:
                    await call(client)
                assert str(error.value) == text
            for period in ("DAY", 9):
                with pytest.raises(ValueError, match=r"Period \(INTRADAY, DAY, WEEK, MONTH\), not"):
                    await client.capital_flow("HK.00700", period)  # type: ignore[arg-type]
            assert not [one for one in opend.requests if one.proto_id in {3211, 3212}]


@pytest.mark.anyio
async def test_a_sweep_or_a_watch_taken_for_a_result() -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            sweep: Any = client.capital_distributions(CODES)
            told = "a sweep is no result yet: `result = await client.capital_distributions(codes)`"
            for name in RESULTS:
                with pytest.raises(AttributeError) as error:
                    getattr(sweep, name)
                assert str(error.value) == f"'Sweep' object has no attribute {name!r}; {told}"
            with pytest.raises(TypeError) as wrong:
                sweep["HK.00700"]
            assert str(wrong.value) == told
            watch: Any = client.watch(CODES)
            for name, meant in (
                ("collect", "`await client.capital_distributions(codes)` asks once"),
                ("remove", "here it is watch.discard(codes)"),
                ("stop", "leave its loop, or `await watch.aclose()`"),
            ):
                with pytest.raises(AttributeError) as error:
                    getattr(watch, name)
                assert str(error.value).endswith(meant)
            with pytest.raises(AttributeError) as error:
                watch.round_tim  # noqa: B018
            assert (error.value.name, error.value.obj) == ("round_tim", watch)


@pytest.mark.anyio
async def test_a_list_to_the_call_for_one() -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            for codes in (["HK.00700"], ("HK.00700", "US.AAPL"), {"HK.00700"}):
                with pytest.raises(InvalidCode) as error:
                    await client.capital_distribution(codes)  # type: ignore[arg-type]
                assert str(error.value) == (
                    f"invalid code {codes!r}: a code is a string, not {type(codes).__name__}; "
                    "capital_distributions(codes) takes many"
                )
            assert not [one for one in opend.requests if one.proto_id == 3212]


@pytest.mark.anyio
async def test_a_security_is_as_good_as_its_code() -> None:
    tencent = Security(Market.HK, "00700")
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            got = await client.capital_distribution(tencent)
            assert got.code == "HK.00700"
            assert await client.capital_distribution("HK.00700", max_age=60.0) is got
            assert await client.capital_distribution(tencent, max_age=60.0) is got
            assert (await client.capital_flow(tencent)).code == "HK.00700"
            result = await client.capital_distributions([tencent, "HK.00700", "HK.00005"])
            assert list(result.values) == ["HK.00700", "HK.00005"]
            assert result[tencent] is result["HK.00700"]
            drawn = iter([tencent, Security.parse("US.AAPL")])
            assert [o.code async for o in client.capital_distributions(drawn)] == [
                "HK.00700",
                "US.AAPL",
            ]
            watch = client.watch([tencent])
            assert watch.codes == ("HK.00700",)
            watch.discard([tencent])
            assert list(watch.codes) == []
            with pytest.raises(TypeError, match=r"not one Security; try \['HK\.00700'\]"):
                client.capital_distributions(tencent)  # type: ignore[arg-type]
            with pytest.raises(InvalidCode):
                await client.capital_distribution(Security(Market.HK, "7 0"))
            asked = [one.code for one in opend.requests if one.proto_id == 3212]
            assert sorted(map(str, asked)) == [
                *("HK.00005", "HK.00700", "HK.00700", "HK.00700", "US.AAPL"),
            ]


def test_guesses_at_a_blocking_client() -> None:
    with opend_in_thread() as opend, sync.connect(port=opend.port) as client:
        with pytest.raises(AttributeError) as error:
            client.get_capital_distribution  # type: ignore[attr-defined]  # noqa: B018
        assert str(error.value) == (
            "'Client' object has no attribute 'get_capital_distribution'; "
            "here it is client.capital_distribution(code)"
        )
        with pytest.raises(AttributeError, match="here it is `client.close\\(\\)`"):
            client.aclose  # type: ignore[attr-defined]  # noqa: B018
        assert client.capital_distribution(Security(Market.HK, "00700")).code == "HK.00700"
        for text, call in ARGUMENTS.items():
            with pytest.raises(TypeError) as wrong:
                call(client)
            assert str(wrong.value) == text
        sweep: Any = client.capital_distributions(CODES)
        told = "a sweep is no result yet: `result = client.capital_distributions(codes).collect()`"
        with pytest.raises(AttributeError) as error:
            sweep.to_pandas()
        assert str(error.value) == f"'Sweep' object has no attribute 'to_pandas'; {told}"
        with pytest.raises(TypeError) as wrong:
            sweep["HK.00700"]
        assert str(wrong.value) == told


@pytest.mark.anyio
async def test_a_blocking_client_in_async_with() -> None:
    with opend_in_thread() as opend:
        client = await anyio.to_thread.run_sync(lambda: sync.connect(port=opend.port))
        with pytest.raises(TypeError, match="is blocking; `async with aiocapdist.connect"):
            async with client:  # type: ignore[attr-defined]
                pass
        client.close()
