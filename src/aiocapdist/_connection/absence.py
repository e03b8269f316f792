"""How long OpenD has been away, and when calls stop waiting for it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from .._loop import Clock, Ticker
from ..errors import AiocapdistError, ConnectionLost
from .connect_errors import reason_of

log = logging.getLogger("aiocapdist")


class Absence:
    """The time since the connection was lost, until the next one is ready.

    ``on_overdue`` is called once with the error that calls end with, when OpenD has been away
    for ``timeout`` seconds; None means forever.
    """

    def __init__(
        self,
        clock: Clock,
        timeout: float | None,
        on_overdue: Callable[[ConnectionLost], None],
    ) -> None:
        self.error: ConnectionLost | None = None
        """What calls end with at once; None while they may wait."""
        self._clock = clock
        self._timeout = timeout
        self._on_overdue = on_overdue
        self._since: float | None = None
        self._cause: BaseException | None = None
        self._losses = 0
        self._ticker = Ticker(clock, self._due, self._tick)

    async def run(self) -> None:
        """Watch the clock until cancelled."""
        await self._ticker.run()

    def failed(self, cause: AiocapdistError) -> None:
        """Note a loss, or an attempt to connect that failed."""
        known, self._cause = self._cause, cause
        if self._since is None:
            self._begin()
        if not isinstance(cause, ConnectionLost):
            # Each cause once while OpenD is away, however often it comes.
            level = logging.INFO if str(cause) == str(known) else logging.WARNING
            log.log(level, "OpenD is away: %s", cause)
            return
        self._losses += 1
        # A link that breaks again and again is not reported as often.
        level = logging.WARNING if self._losses == 1 else logging.INFO
        log.log(level, "connection to OpenD lost: %s", cause.reason)

    def _begin(self) -> None:
        self._since = self._clock()
        if self._timeout is not None:
            self._ticker.poke(self._since + self._timeout)

    def end(self) -> None:
        """Note that a connection is ready."""
        if self._since is not None:
            log.info("connected to OpenD again after %.1f s", self._clock() - self._since)
        self._since = self._cause = self.error = None

    def _due(self) -> float | None:
        if self._since is None or self._timeout is None or self.error is not None:
            return None
        return self._since + self._timeout

    def _tick(self) -> None:
        due = self._due()
        if due is None or due > self._clock():
            return  # that absence has ended; another may have begun since
        assert self._cause is not None
        cause = self._cause
        known = cause.reason if isinstance(cause, ConnectionLost) else reason_of(cause)
        reason = f"OpenD has been away for {self._timeout:g} s ({known})"
        self.error = ConnectionLost(reason, sent=False)
        self.error.__cause__ = cause
        log.warning("calls end with ConnectionLost until OpenD is back: %s", self.error)
        self._on_overdue(self.error)
