"""What OpenTelemetry's SDK was given, read back."""

from __future__ import annotations

from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Metrics(NamedTuple):
    """A meter provider and what it collects."""

    reader: InMemoryMetricReader
    provider: MeterProvider

    def points(self, name: str) -> list[Any]:
        """The data points of a metric, collected now; none if it has none."""
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def values(self, name: str, *by: str) -> dict[tuple[Any, ...], Any]:
        """The values of a metric by some of its attributes."""
        return {
            tuple(point.attributes.get(each) for each in by): point.value
            for point in self.points(name)
        }


class Spans(NamedTuple):
    """A tracer provider and the spans that ended."""

    exporter: InMemorySpanExporter
    provider: TracerProvider

    def ended(self) -> list[ReadableSpan]:
        """The spans, in the order in which they ended."""
        return list(self.exporter.get_finished_spans())
