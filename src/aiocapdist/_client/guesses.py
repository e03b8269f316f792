"""Answers to first guesses: errors that name what is meant here.

Classes take these in where type checkers do not look, so that those report the guess too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

CALLS = frozenset(
    {
        *("capital_distribution", "capital_distributions", "capital_flow", "events"),
        *("global_state", "quota", "request", "status", "watch"),
    }
)
"""What clients have."""

VENDORS: Mapping[str, str] = {
    "get_capital_distribution": "capital_distribution(code)",
    "get_capital_flow": "capital_flow(code, period)",
    "get_global_state": "global_state()",
}
"""Names of the vendor's client, and the calls here."""

CONNECT_ARGUMENTS: Mapping[str, str] = {
    "timeout": "connect_timeout limits connecting and request_timeout the wait for each reply; "
    "timeout is an argument of each call",
    "is_encrypt": "rsa_key encrypts the connection",
    "retries": "attempts is the number of times that a call is sent at most",
    "loop": "a client belongs to the event loop on which it is entered or awaited",
}
"""Arguments that ``connect()`` does not have, and those that are meant."""

AWAITED = (
    "a client that was awaited is closed by `await client.aclose()`; `async with` takes what is "
    "not awaited: `async with aiocapdist.connect(…) as client:`"
)

WATCH_ARGUMENTS: Mapping[str, str] = {
    "timeout": "a watch has no end; leave its loop by `break`, or put asyncio.timeout() around it",
    "interval": "every is the number of seconds in which each code is asked for once",
}
SWEEP_ARGUMENTS: Mapping[str, str] = {
    "max_wait": "timeout limits the whole sweep, the wait for the quota included",
}
COLLECT_ARGUMENTS: Mapping[str, str] = dict.fromkeys(
    ("timeout", "max_age"), "it is an argument of capital_distributions(codes)"
)
FLOW_ARGUMENTS: Mapping[str, str] = {
    "period_type": "period is an aiocapdist.Period, such as Period.DAY",
    "max_age": "flows are not kept, each call asks OpenD",
}

WATCH_NAMES: Mapping[str, str] = {
    "collect": "a watch has no end; `await client.capital_distributions(codes)` asks once",
    "remove": "here it is watch.discard(codes)",
    **dict.fromkeys(("close", "stop"), "leave its loop, or `await watch.aclose()`"),
}


def sweep_names(collected: str) -> Mapping[str, str]:
    """Return what a result has and a sweep has not, with how to get a result."""
    names = ("errors", "rows", "to_arrow", "to_pandas", "to_polars", "values")
    return dict.fromkeys(names, f"a sweep is no result yet: `result = {collected}`")


def missing(owner: object, name: str, *, close: str, call: str) -> AttributeError:
    """Build the error for an attribute that a client does not have."""
    vendors = {known: f"here it is {call}client.{ours}" for known, ours in VENDORS.items()}
    return named_otherwise(
        owner, name, {**vendors, **dict.fromkeys(("close", "aclose"), f"here it is {close}")}
    )


def named_otherwise(owner: object, name: str, meant: Mapping[str, str]) -> AttributeError:
    """Build the error for a missing attribute, with what is meant if the name is a known guess."""
    text = f"{type(owner).__name__!r} object has no attribute {name!r}"
    if name in meant:
        return AttributeError(f"{text}; {meant[name]}")
    return AttributeError(text, name=name, obj=owner)  # Python adds the nearest name


def not_connected(owner: object, name: str, maker: str) -> AttributeError:
    """Build the error for an attribute of what ``connect()`` returns before it is connected."""
    text = f"{type(owner).__name__!r} object has no attribute {name!r}"
    if name in CALLS or name in VENDORS:
        text += (
            f": {maker}() is not connected yet; write `async with aiocapdist.{maker}() as client:`"
            f" (or `client = await aiocapdist.{maker}()`) and use client.{name}"
        )
    return AttributeError(text)


def made_by(maker: str, what: str) -> Callable[..., Any]:
    """Return a ``__new__`` that takes what this library passes, and nothing that users guess."""

    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        if not args or isinstance(args[0], str):
            raise TypeError(
                f"a {cls.__name__} is made by {maker}: write `{what}` with the same arguments"
            )
        return object.__new__(cls)

    return new


def use_instead(text: str) -> Callable[..., NoReturn]:
    """Return a special method that raises TypeError with this text."""

    def method(*_: object) -> NoReturn:
        raise TypeError(text)

    return method


def explain_arguments(
    meant: Mapping[str, str],
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Wrap a function: of arguments that it does not have, the error says what is meant."""

    def explain(function: Callable[P, T]) -> Callable[P, T]:
        def check(names: Iterable[str]) -> None:
            for name in meant.keys() & names:
                raise TypeError(f"{function.__name__}() has no argument {name!r}: {meant[name]}")

        @wraps(function)
        def explained(*args: P.args, **kwargs: P.kwargs) -> T:
            check(kwargs)
            return function(*args, **kwargs)

        @wraps(function)
        async def explained_later(*args: P.args, **kwargs: P.kwargs) -> Any:
            check(kwargs)
            return await cast(Any, function)(*args, **kwargs)

        # A coroutine function stays one: mocks ask.
        return cast(Any, explained_later) if iscoroutinefunction(function) else explained

    return explain
