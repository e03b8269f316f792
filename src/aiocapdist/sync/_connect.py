"""Connect, and wait until that is done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

from .._client import connect as connecting
from .._client.connect import Connecting
from .._client.connect_many import connect_many as make_group
from ._client import Client
from ._group import ClientGroup
from ._loop_thread import LoopThread

P = ParamSpec("P")


def _with_arguments_of(
    make: Callable[P, object],
) -> Callable[[Callable[..., Client]], Callable[P, Client]]:
    """Give a function the signature of this one, for type checkers and ``help()``."""

    def decorate(function: Callable[..., Client]) -> Callable[P, Client]:
        signature = inspect.signature(make).replace(return_annotation="Client")
        function.__signature__ = signature  # type: ignore[attr-defined]
        return function

    return decorate


@_with_arguments_of(connecting.connect)
def connect(*args: Any, **kwargs: Any) -> Client:
    """Connect to OpenD and return a client: ``with aiocapdist.sync.connect() as client``.

    Arguments and errors are those of :func:`aiocapdist.connect`. Raises RuntimeError where an
    event loop runs. Ctrl-C leaves nothing open.
    """
    made = connecting.connect(*args, **kwargs)  # wrong arguments raise before there is a thread
    thread = LoopThread()
    return Client(thread, thread.enter(made))


def connect_many(gateways: Iterable[Connecting]) -> ClientGroup:
    """Connect to several OpenDs and return them as one client.

    ``gateways`` are results of :func:`aiocapdist.connect` that were not used yet, as for
    :func:`aiocapdist.connect_many`; errors are the same.
    """
    made = make_group(gateways)
    thread = LoopThread()
    return ClientGroup(thread, thread.enter(made))
