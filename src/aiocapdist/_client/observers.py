"""Observe what a client's requests come to. Without observers nothing of this is in place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from .._connection.stats import ConnectionStats
from .._requests.request import Request
from .._requests.single_flight import SingleFlight

log = logging.getLogger("aiocapdist")


class Observer(Protocol):
    """Is told on the client's own event loop. Must return at once."""

    def request_done(self, request: Request[Any]) -> None:
        """A request ended: it has a value or an error, or neither if nobody waits any more."""
        ...

    def replied(self, gateway: str | None, seconds: float) -> None:
        """A reply came ``seconds`` after its request was sent; gateway None is the only one."""
        ...


class Observers:
    """The observers of one client, in the order in which they came."""

    def __init__(
        self,
        single_flights: Iterable[SingleFlight[Any, Any]],
        stats: Mapping[str | None, ConnectionStats],
    ) -> None:
        self._single_flights = list(single_flights)
        self._stats = stats
        self._observers: list[Observer] = []

    def __bool__(self) -> bool:
        return bool(self._observers)

    def add(self, observer: Observer) -> None:
        """Tell this observer from now on."""
        if not self._observers:
            self._install()
        self._observers.append(observer)

    def remove(self, observer: Observer) -> None:
        """Tell this observer no more. Repeatable."""
        if observer in self._observers:
            self._observers.remove(observer)
            if not self._observers:
                self._uninstall()

    def done(self, request: Request[Any]) -> None:
        """Tell every observer that a request ended."""
        for observer in list(self._observers):
            self._tell(observer.request_done, request)

    def _install(self) -> None:
        # In the objects, not in their classes: what is not observed takes no step more.
        for single_flight in self._single_flights:
            on_done = partial(self._on_done, single_flight.on_done)
            single_flight.on_done = on_done  # type: ignore[method-assign]
        for gateway, stats in self._stats.items():
            stats.replied = partial(self._replied, stats.replied, gateway)

    def _uninstall(self) -> None:
        for single_flight in self._single_flights:
            del single_flight.on_done
        for stats in self._stats.values():
            stats.reset_replied()

    def _on_done(self, original: Callable[[Any], None], request: Request[Any]) -> None:
        original(request)
        self.done(request)

    def _replied(
        self, original: Callable[[float], None], gateway: str | None, seconds: float
    ) -> None:
        original(seconds)
        for observer in list(self._observers):
            self._tell(observer.replied, gateway, seconds)

    def _tell(self, method: Callable[..., None], *args: Any) -> None:
        try:
            method(*args)
        except Exception:
            log.exception("an observer raised an error; the client goes on")
