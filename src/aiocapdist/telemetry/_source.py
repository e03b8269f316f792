"""What is measured: one client, read on its own event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from threading import get_ident
from typing import NamedTuple, TypeVar

from .._client.base import BaseClient
from .._connection.link_state import LinkState
from .._connection.supervisor import Supervisor
from .._loop import threadsafe_scheduler
from .._requests.watch_source import WatchSource
from ..sync import Client, ClientGroup

T = TypeVar("T")
Attributes = Mapping[str, str | int]

PATIENCE = 1.0
"""Seconds for which a collection waits for a busy event loop before it goes without."""


class Reading(NamedTuple):
    """One value of a gauge or of a counter that is read."""

    name: str
    value: float
    attributes: Attributes


class ClientSource:
    """A client as telemetry sees it. Raises TypeError for what is no client."""

    def __init__(
        self, client: BaseClient | Client | ClientGroup, attributes: Mapping[str, str]
    ) -> None:
        self._blocking = client._thread if isinstance(client, Client | ClientGroup) else None
        inner = client._client if isinstance(client, Client | ClientGroup) else client
        if not isinstance(inner, BaseClient):
            kind = type(client).__name__
            raise TypeError(f"client is one that is connected, a Client or ClientGroup, not {kind}")
        self.client: BaseClient = inner
        self.attributes: dict[str, Attributes] = {}
        """Of each gateway, by its name; that of a single client is empty."""
        for name, gateway in inner._gateways.items():
            connector = gateway.supervisor.connector
            where: Attributes = {"server.address": connector.host, "server.port": connector.port}
            self.attributes[name or ""] = {**attributes, **where}
        alone = len(self.attributes) == 1
        self.shared: Attributes = self.attributes[""] if alone else dict(attributes)
        """Of what is about all gateways."""
        self._soon: Callable[[Callable[[], object]], object]
        self._thread = 0
        self.call(self._find_loop)

    def _find_loop(self) -> None:
        self.client._hub.check_loop()
        self._soon, self._thread = threadsafe_scheduler(), get_ident()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the client's loop."""
        return function() if self._blocking is None else self._blocking.call(function)

    def read(self) -> list[Reading]:
        """Read the client on its loop, from any thread. Nothing if it is closed or too busy."""
        if self.client._hub.finished.is_set():
            return []
        if self._thread == get_ident():
            return list(self._readings())
        found: Future[list[Reading]] = Future()
        try:
            self._soon(lambda: found.set_result(list(self._readings())))
            return found.result(PATIENCE)
        except (RuntimeError, TimeoutError):  # the loop has ended, or is busy
            return []

    def _readings(self) -> Iterator[Reading]:
        for name, gateway in self.client._gateways.items():
            attributes = self.attributes[name or ""]
            supervisor = gateway.supervisor
            yield from _connection(supervisor, attributes)
            quotas = {"capital_distribution": gateway.quota, "capital_flow": gateway.flow_quota}
            for call, quota in quotas.items():
                of_call = {**attributes, "rpc.method": call}
                yield Reading("aiocapdist.quota.available", quota.available, of_call)
                yield Reading("aiocapdist.quota.waiting", quota.waiting, of_call)
                yield Reading("aiocapdist.quota.rejections", quota.rejections, of_call)
        ages = [age for watch in self.client._watches for age in self._ages(watch)]
        if ages:
            yield Reading("aiocapdist.watch.age", max(ages), self.shared)

    def _ages(self, watch: WatchSource) -> Iterator[float]:
        """Yield the seconds since each code's latest answer, while the watch asks for it."""
        hub = self.client._hub
        if watch.queue in hub.listeners:
            for item in watch.codes.values():
                if item.latest is not None and not watch.rests(item):
                    yield hub.clock() - item.answered_at


def _connection(supervisor: Supervisor, attributes: Attributes) -> Iterator[Reading]:
    for state in LinkState:
        of_state = {**attributes, "state": state.value}
        yield Reading("aiocapdist.connection.state", supervisor.state is state, of_state)
    yield Reading("aiocapdist.connection.reconnects", supervisor.reconnects, attributes)
