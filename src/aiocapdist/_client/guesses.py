"""Answers to first guesses: errors that name what is meant here.

Classes take these in where type checkers do not look, so that those report the guess too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

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

ARGUMENTS: Mapping[str, str] = {
    "timeout": "connect_timeout limits connecting and request_timeout the wait for each reply; "
    "timeout is an argument of each call",
    "is_encrypt": "rsa_key encrypts the connection",
    "retries": "attempts is the number of times that a call is sent at most",
    "loop": "a client belongs to the event loop on which it is entered or awaited",
}
"""Arguments that ``connect()`` does not have, and those that are meant."""


def missing(owner: object, name: str, *, close: str, call: str) -> AttributeError:
    """Build the error for an attribute that a client does not have."""
    text = f"{type(owner).__name__!r} object has no attribute {name!r}"
    if name in VENDORS:
        text += f"; here it is {call}client.{VENDORS[name]}"
    elif name in {"close", "aclose"}:
        text += f"; here it is {close}"
    else:
        return AttributeError(text, name=name, obj=owner)  # Python adds the nearest name
    return AttributeError(text)


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


def use_instead(text: str) -> Callable[[object], NoReturn]:
    """Return a special method that raises TypeError with this text."""

    def method(self: object) -> NoReturn:
        raise TypeError(text)

    return method


def explain_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap ``connect()``: an argument that is another's name is told so."""

    @wraps(function)
    def explained(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs:
            if name in ARGUMENTS:
                raise TypeError(
                    f"{function.__name__}() has no argument {name!r}: {ARGUMENTS[name]}"
                )
        return function(*args, **kwargs)

    return explained
