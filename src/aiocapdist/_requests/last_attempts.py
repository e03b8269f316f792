"""Last attempts, one at a time: a request that ends connections takes no other with it."""

from __future__ import annotations

from typing import Any

from .kinds import SharedRequest
from .request import RequestListener


class LastAttempts:
    """A client's requests with one attempt left after losses of their connections.

    When a connection is lost, any request in flight may be the cause: OpenD may hang up at it,
    or its reply may end the stream. So of those that were in flight at too many losses only one
    is queued or in flight; the others are held until it is done.
    """

    def __init__(self) -> None:
        self.held: dict[SharedRequest[Any, Any], None] = {}
        self._current: SharedRequest[Any, Any] | None = None
        self._releasing = False

    def put_back(self, request: SharedRequest[Any, Any]) -> None:
        """Put a request back into its queue, now or when the one before it is done."""
        if not isinstance(request.registry, _DoneHook):
            request.registry = _DoneHook(self, request.registry)
        if self._current is None:
            self._current = request
        if self._current is request:
            request.queue.put_back(request)
        else:
            self.held[request] = None

    def _done(self, request: SharedRequest[Any, Any]) -> None:
        self.held.pop(request, None)
        if request is self._current:
            self._current = None
            if not self._releasing:  # else the loop below goes on
                self._release()

    def _release(self) -> None:
        """Let the next one go, or end all if no connection will come."""
        self._releasing = True
        try:
            while self._current is None and self.held:
                self._current = request = next(iter(self.held))
                del self.held[request]
                final = request.queue.hub.final_error(sent=True)
                if final is None:
                    request.queue.put_back(request)
                    request.queue.pump()
                else:
                    request.fail(final)
        finally:
            self._releasing = False


class _DoneHook:
    """In place of a request's registry: also reports to LastAttempts when it is done."""

    def __init__(self, attempts: LastAttempts, registry: RequestListener | None) -> None:
        self._attempts = attempts
        self._registry = registry

    def on_done(self, request: Any) -> None:
        if self._registry is not None:
            self._registry.on_done(request)
        self._attempts._done(request)
