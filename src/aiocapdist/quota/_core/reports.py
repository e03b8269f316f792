"""Tells a quota's listeners of waiting, of rejections, and of tokens that are out of reach.

Events are made without validation: for the first of each kind it would build a schema, which holds
up the loop for 10 ms and more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ...events import QuotaDegraded, QuotaEvent

log = logging.getLogger("aiocapdist")

Listener: TypeAlias = "Callable[[QuotaEvent], None]"
"""Called with each event of the quota; must return at once."""

LONG_WAIT = 2.0
"""Seconds from which on a wait for the quota is logged."""


class Reports:
    """Publishes a quota's events to its listeners, each change once."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        """One for each client that is attached."""
        self.throttled: bool = False
        """True if listeners know that requests wait."""
        self._rejected = False  # since the last report
        self._degraded: QuotaDegraded | None = None

    def add(self, listener: Listener) -> None:
        """Add a listener, and tell it at once if the tokens are out of reach."""
        self.listeners.append(listener)
        if self._degraded is not None:
            listener(self._degraded)

    def note_rejection(self) -> None:
        """Note that OpenD rejected a request: those that wait are told with the next report."""
        self._rejected = True

    def waiting(self, waiting: int, eta: Callable[[], float], *, throttled: bool) -> None:
        """Publish that waiting began or ended, and each rejection while requests wait."""
        rejected, self._rejected = self._rejected, False
        if throttled is self.throttled and not (throttled and rejected):
            return
        from ...events import Throttled, Unthrottled  # a dozen models, which few programs use

        was_throttled, self.throttled = self.throttled, throttled
        if not throttled:
            self._publish(Unthrottled.model_construct())
            return
        event = Throttled.model_construct(eta=eta(), waiting=waiting, rejected=rejected)
        if event.eta > LONG_WAIT and not was_throttled:
            words = "%d calls wait for the quota; the first goes in about %.0f s"
            log.info(words, waiting, event.eta)
        self._publish(event)

    def degraded(self, degraded: QuotaDegraded | None) -> None:
        """Publish that the shared tokens cannot be reached, or can be again."""
        if degraded != self._degraded:
            from ...events import QuotaRestored

            self._degraded = degraded
            self._publish(QuotaRestored.model_construct() if degraded is None else degraded)

    def _publish(self, event: QuotaEvent) -> None:
        for listener in self.listeners:
            listener(event)
