"""Why a caller stopped waiting: what its request waited for at that moment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from ..errors import RequestTimeout

if TYPE_CHECKING:
    from .request import Queue, Request


class Interruption:
    """What a request waits for, noted before a caller stops waiting."""

    def __init__(self, request: Request[Any] | None = None) -> None:
        self.waited_for: Literal["connection", "quota", "reply"] = "reply"
        self.eta: float | None = None
        self.reason: str | None = None
        if request is not None:
            self.note(request)

    def note(self, request: Request[Any]) -> None:
        """Note the state of a request, before it is cancelled."""
        if not request.done and request.flight is None:
            self.note_queued(request.queue, request.queue.eta(request))

    def note_queued(self, queue: Queue, eta: float) -> None:
        """Note that a token, or the connection, is waited for; ``eta`` is in seconds."""
        if queue.is_offline:
            self.waited_for = "connection"
            return
        self.waited_for = "quota"
        trouble = queue.trouble
        if trouble is not None:
            self.reason = trouble.reason
        elif math.isfinite(eta):
            self.eta = eta

    def error(self, proto_id: int, timeout: float, code: str | None) -> RequestTimeout:
        """Build the error for the caller that stopped waiting after ``timeout`` seconds."""
        return RequestTimeout(
            proto_id, timeout, code, waited_for=self.waited_for, eta=self.eta, reason=self.reason
        )
