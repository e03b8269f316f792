"""``instrument()``: from when to when a client is measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .._client.base import BaseClient
from .._extras import needs_extra
from ..sync import Client, ClientGroup
from ._source import ClientSource

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider


class Instrumentation:
    """The measuring of one client, from its creation until :meth:`end`."""

    def __init__(
        self,
        source: ClientSource,
        meter_provider: MeterProvider | None,
        tracer_provider: TracerProvider | None,
    ) -> None:
        from ._meters import meters_of
        from ._spans import Tracing

        self._source = source
        self._meters = meters_of(meter_provider)
        self._tracing = None if tracer_provider is None else Tracing(source, tracer_provider)
        self._ended = False
        source.call(self._begin)

    def end(self) -> None:
        """Measure nothing more; gauges report nothing from now on. Repeatable."""
        if not self._ended:
            self._ended = True
            self._source.call(self._end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def _begin(self) -> None:
        self._meters.add(self._source)
        if self._tracing is not None:
            self._tracing.begin()

    def _end(self) -> None:
        self._meters.remove(self._source)
        if self._tracing is not None:
            self._tracing.end()


def instrument(
    client: BaseClient | Client | ClientGroup,
    meter_provider: MeterProvider | None = None,
    tracer_provider: TracerProvider | None = None,
    *,
    attributes: Mapping[str, str] | None = None,
) -> Instrumentation:
    """Measure a client from now on, until the ``with`` block or :meth:`Instrumentation.end` ends.

    ``meter_provider`` is OpenTelemetry's global one unless given. With a ``tracer_provider``
    each call is a span, and so is each sweep. ``attributes`` are added to all of it, to tell
    clients of one OpenD apart. Several instruments of one client may end in any order.

    Call it on the client's event loop; a blocking client, anywhere. Raises TypeError for what
    is no client, ModuleNotFoundError if OpenTelemetry is not installed (extra ``otel``).
    """
    with needs_extra("otel", "instrument()"):
        import opentelemetry.metrics
        import opentelemetry.trace  # noqa: F401
    return Instrumentation(ClientSource(client, attributes or {}), meter_provider, tracer_provider)
