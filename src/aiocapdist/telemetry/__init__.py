"""Metrics and spans of a client for OpenTelemetry (extra ``otel``).

::

    with aiocapdist.telemetry.instrument(client):
        ...

Metrics go to the global meter provider unless another one is given. Without a tracer provider
there are no spans. Nothing is measured for clients that are not instrumented.
"""

from .._lazy import publish
from ._instrument import Instrumentation, instrument

__all__ = ["Instrumentation", "instrument"]

publish(__name__, globals())
