"""A span for each call and each sweep of a client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider

from .._client.base import BaseClient
from .._client.sweep import Sweep
from .._requests.sweep_source import SweepSource
from ._source import ClientSource

_tracings: WeakKeyDictionary[BaseClient, list[Tracing]] = WeakKeyDictionary()
CALLS = ("capital_distribution", "capital_flow", "global_state", "request")


class Tracing:
    """Opens spans for one client's calls, between :meth:`begin` and :meth:`end`."""

    def __init__(self, source: ClientSource, provider: TracerProvider) -> None:
        self._client = source.client
        self._tracer: Tracer = provider.get_tracer("aiocapdist", version("aiocapdist"))
        self._attributes = source.shared

    def begin(self) -> None:
        """Trace from now on. The client's class is replaced by one with traced calls."""
        tracings = _tracings.setdefault(self._client, [])
        if not tracings:
            self._client.__class__ = _traced(type(self._client))
        tracings.append(self)

    def end(self) -> None:
        """Trace no more. The last one to end restores the client's class."""
        tracings = _tracings[self._client]
        tracings.remove(self)
        if not tracings:
            self._client.__class__ = type(self._client).__bases__[1]

    @contextmanager
    def span(self, method: str, code: object) -> Iterator[None]:
        """Open a span that is the current one meanwhile."""
        with self._tracer.start_as_current_span(
            f"aiocapdist {method}", kind=SpanKind.CLIENT, attributes=self._describe(method, code)
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                raise

    def sweep(self) -> Span:
        """Start the span of a sweep."""
        return self._tracer.start_span(
            "aiocapdist capital_distributions",
            kind=SpanKind.CLIENT,
            attributes=self._describe("capital_distributions", None),
        )

    def _describe(self, method: str, code: object) -> dict[str, Any]:
        known = {} if code is None else {"aiocapdist.code": str(code)}
        return {**self._attributes, "rpc.method": method, **known}


class _TracedCalls:
    """Mixed into the class of a client that is traced."""

    def capital_distributions(self, *args: Any, **kwargs: Any) -> Sweep:
        sweep: Sweep = super().capital_distributions(*args, **kwargs)  # type: ignore[misc]
        tracings = list(_tracings.get(self, ()))  # type: ignore[call-overload]
        make_source = sweep._make_source

        def make_traced(codes: Iterable[Any]) -> SweepSource:
            return _ended_with(make_source(codes), [tracing.sweep() for tracing in tracings])

        sweep._make_source = make_traced
        return sweep


def _ended_with(source: SweepSource, spans: list[Span]) -> SweepSource:
    """End the spans when the sweep is left, which it is at its end too."""
    leave = source.leave

    def leave_traced() -> None:
        leave()
        for span in spans:
            if source.failure is not None:
                span.record_exception(source.failure)
                span.set_status(Status(StatusCode.ERROR))
            span.end()
        spans.clear()

    source.leave = leave_traced  # type: ignore[method-assign]
    return source


def _traced_call(name: str) -> Callable[..., Awaitable[Any]]:
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        code = args[0] if args else kwargs.get("code", kwargs.get("proto_id"))
        with ExitStack() as spans:
            for tracing in _tracings.get(self, ()):
                spans.enter_context(tracing.span(name, code))
            return await getattr(super(_TracedCalls, self), name)(*args, **kwargs)

    return call


for _name in CALLS:
    setattr(_TracedCalls, _name, _traced_call(_name))


_kinds: dict[type, type[BaseClient]] = {}


def _traced(kind: type[BaseClient]) -> type[BaseClient]:
    """Return the class of traced clients of this kind, made once."""
    if kind not in _kinds:
        names = {"__module__": kind.__module__}
        _kinds[kind] = type(kind.__name__, (_TracedCalls, kind), names)
    return _kinds[kind]
