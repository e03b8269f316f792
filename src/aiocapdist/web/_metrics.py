"""Figures, connection, quota and visitors in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from ._service import Service

SIZES = ("super", "big", "mid", "small")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        self._visits = _Visits()
        for collector in (_Figures(service), _Connection(service), self._visits):
            self._registry.register(collector)

    def count(self, path: str, status: int) -> None:
        """Count an answer. ``path`` is a route, not what the visitor sent."""
        self._visits.answers[path, str(status)] += 1

    def render(self) -> bytes:
        """Return all metrics, as now."""
        return generate_latest(self._registry)


class _Visits(Collector):
    """Answers, counted: prometheus_client's own counter adds a time of creation to each."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()

    def collect(self) -> Iterator[Metric]:
        found = _counter("http_requests", "Requests answered.", ("path", "status"))
        for labels, count in self.answers.items():
            found.add_metric(labels, count)
        yield found


class _Figures(Collector):
    """The latest figures of the watch's codes, in currency units of their markets."""

    def __init__(self, service: Service) -> None:
        self._publisher = service.publisher

    def collect(self) -> Iterator[Metric]:
        code = ("code", "market")
        by_size = (*code, "size")
        inflow = _gauge("capital_in", "Inflow in currency units of the market.", by_size)
        outflow = _gauge("capital_out", "Outflow in currency units of the market.", by_size)
        main = _gauge("main_net", "Net of super and big orders, in currency units.", code)
        ratio = _gauge("main_ratio", "main_net divided by inflow plus outflow.", code)
        time = _gauge("figures_timestamp_seconds", "Unix time of the figures.", code)
        for figures in self._publisher.figures.values():
            labels = (figures.code, figures.market.name)
            for size in SIZES:
                for side, family in (("in", inflow), ("out", outflow)):
                    amount = getattr(figures, f"capital_{side}_{size}")
                    if amount is not None:
                        family.add_metric((*labels, size), amount)
            main.add_metric(labels, figures.main_net)
            if figures.main_ratio is not None:
                ratio.add_metric(labels, figures.main_ratio)
            if figures.updated_at is not None:
                time.add_metric(labels, figures.updated_at.timestamp())
        failing = _gauge("code_failing", "1 if the latest request failed, else 0.", ("code",))
        for each in self._publisher.codes:
            failing.add_metric((each,), each in self._publisher.failing)
        yield from (inflow, outflow, main, ratio, time, failing)


class _Connection(Collector):
    """The connection to OpenD, the quota, the watch and its readers."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        yield from self._gateways()
        yield from self._quotas()
        publisher = self._service.publisher
        feed, watch = publisher.feed, publisher.watch
        yield _gauge("event_readers", "Open event streams.", value=len(feed.readers))
        yield _counter("events_sent", "Events handed to readers.", value=feed.sent)
        replaced = "Events replaced by newer ones before a slow reader took them."
        yield _counter("events_replaced", replaced, value=feed.replaced)
        yield _gauge("watch_codes", "Codes that are watched.", value=len(publisher.codes))
        resting = 0 if watch is None else len(watch.resting)
        yield _gauge("watch_resting_codes", "Codes whose market is closed.", value=resting)
        if watch is not None and watch.round_time is not None:
            text = "Seconds from the start of the last whole round to the start of the next one."
            yield _gauge("watch_round_seconds", text, value=watch.round_time)
        if publisher.recording is not None:
            text = "1 if figures cannot be recorded, else 0."
            yield _gauge("recording_failing", text, value=bool(publisher.recording_error))

    def _gateways(self) -> Iterator[Metric]:
        label = ("gateway",)
        up = _gauge("up", "1 if OpenD is connected, else 0.", label)
        calls = _counter("calls", "Requests sent to OpenD, each retry included.", label)
        late = _counter("late_replies", "Replies that came after their call had ended.", label)
        reconnects = _counter("reconnects", "Connections after the first one.", label)
        trip = _gauge("round_trip_seconds", "Seconds from request to reply.", (*label, "quantile"))
        for name, status in self._service.gateways.items():
            labels = (name or "",)
            up.add_metric(labels, status.state == "ready")
            calls.add_metric(labels, status.calls)
            late.add_metric(labels, status.late_replies)
            reconnects.add_metric(labels, status.reconnects)
            if (found := status.round_trip) is not None:
                for quantile, value in (("0.5", found.median), ("0.9", found.p90)):
                    trip.add_metric((*labels, quantile), value)
                trip.add_metric((*labels, "0.99"), found.p99)
        if not self._service.gateways:
            up.add_metric(("",), 0)
        yield from (up, calls, late, reconnects, trip)

    def _quotas(self) -> Iterator[Metric]:
        label = ("call",)
        limit = _gauge("quota_limit", "Requests allowed in one period.", label)
        available = _gauge("quota_available", "Requests that could be sent now.", label)
        waiting = _gauge("quota_waiting", "Requests that wait for the quota.", label)
        rejections = _counter("quota_rejections", "Requests that OpenD rejected.", label)
        for call, quota in self._service.quotas.items():
            limit.add_metric((call,), quota.limit)
            available.add_metric((call,), quota.available)
            waiting.add_metric((call,), quota.waiting)
            rejections.add_metric((call,), quota.rejections)
        yield from (limit, available, waiting, rejections)


def _gauge(
    name: str, text: str, labels: tuple[str, ...] = (), *, value: float | None = None
) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"aiocapdist_{name}", text, value=value, labels=_names(labels, value))


def _counter(
    name: str, text: str, labels: tuple[str, ...] = (), *, value: float | None = None
) -> CounterMetricFamily:
    return CounterMetricFamily(
        f"aiocapdist_{name}", text, value=value, labels=_names(labels, value)
    )


def _names(labels: tuple[str, ...], value: float | None) -> tuple[str, ...] | None:
    return labels if value is None else None
