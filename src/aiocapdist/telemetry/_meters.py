"""The instruments of one meter provider, shared by all clients that are measured with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter_provider

from .._client.observers import Observer
from .._protocol import catalog
from .._requests.request import Request
from ._source import ClientSource

SCOPE = "aiocapdist"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds: from OpenD on this machine to a reply that is nearly overdue."""

GAUGES = {
    "aiocapdist.quota.available": ("{request}", "Requests that could be sent now."),
    "aiocapdist.quota.waiting": ("{request}", "Requests that wait for a token."),
    "aiocapdist.connection.state": ("1", "1 for the connection's state, 0 for the others."),
    "aiocapdist.watch.age": ("s", "Age of the oldest answer among watched codes."),
}
COUNTERS = {
    "aiocapdist.quota.rejections": ("{request}", "Requests that OpenD rejected for frequency."),
    "aiocapdist.connection.reconnects": ("{connection}", "Connections after the first one."),
}
METHODS = {
    catalog.CAPITAL_DISTRIBUTION: "capital_distribution",
    catalog.CAPITAL_FLOW: "capital_flow",
    catalog.GLOBAL_STATE: "global_state",
}


class Meters:
    """Creates the instruments. Gauges report only the clients that are measured."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter(SCOPE, version("aiocapdist"))
        self._observers: dict[ClientSource, Observer] = {}
        self.requests = meter.create_counter(
            "aiocapdist.requests", "{request}", "Requests that ended, by outcome."
        )
        self.round_trip = meter.create_histogram(
            "aiocapdist.round_trip.duration",
            "s",
            "Time from sending a request to its reply.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        for name, (unit, text) in GAUGES.items():
            meter.create_observable_gauge(name, [self._callback(name)], unit, text)
        for name, (unit, text) in COUNTERS.items():
            meter.create_observable_counter(name, [self._callback(name)], unit, text)

    def add(self, source: ClientSource) -> None:
        """Measure this client."""
        observer = self._observers[source] = _ClientObserver(self, source)
        source.client._observers.add(observer)

    def remove(self, source: ClientSource) -> None:
        """Measure this client no more."""
        source.client._observers.remove(self._observers.pop(source))

    def _callback(self, name: str) -> Callable[[CallbackOptions], Iterator[Observation]]:
        return partial(self._observe, name)

    def _observe(self, name: str, options: CallbackOptions) -> Iterator[Observation]:
        for source in list(self._observers):
            for reading in source.read():
                if reading.name == name:
                    yield Observation(reading.value, dict(reading.attributes))


class _ClientObserver:
    def __init__(self, meters: Meters, source: ClientSource) -> None:
        self._meters = meters
        self._source = source
        self._sets: dict[tuple[str, int, str], dict[str, Any]] = {}

    def request_done(self, request: Request[Any]) -> None:
        route = request.route
        gateway = "" if route is None or route.name is None else route.name
        outcome = "ok" if request.error is None else type(request.error).__name__
        if request.value is None and request.error is None:
            outcome = "cancelled"
        # Made once: most requests are alike.
        key = (gateway, request.proto_id, outcome)
        found = self._sets.get(key)
        if found is None:
            found = self._sets[key] = self._describe(*key)
        self._meters.requests.add(1, found)

    def replied(self, gateway: str | None, seconds: float) -> None:
        self._meters.round_trip.record(seconds, self._source.attributes[gateway or ""])

    def _describe(self, gateway: str, proto_id: int, outcome: str) -> dict[str, Any]:
        failed = outcome not in {"ok", "cancelled"}
        return {
            # A request of a group that no gateway took is of none.
            **self._source.attributes.get(gateway, self._source.shared),
            "rpc.method": METHODS.get(proto_id, str(proto_id)),
            "outcome": "error" if failed else outcome,
            **({"error.type": outcome} if failed else {}),
        }


_by_provider: WeakKeyDictionary[MeterProvider, Meters] = WeakKeyDictionary()


def meters_of(provider: MeterProvider | None) -> Meters:
    """Return the instruments of a provider: a second set would be dropped by its SDK."""
    provider = provider or get_meter_provider()
    meters = _by_provider.get(provider)
    if meters is None:
        meters = _by_provider[provider] = Meters(provider)
    return meters
