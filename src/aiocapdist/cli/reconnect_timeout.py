"""How long OpenD may be gone in the middle of a list before it is given up."""

from __future__ import annotations

import time
from collections.abc import Callable

from .stderr import say

PATIENCE = 60.0
"""Seconds: enough to start OpenD anew and to log in."""


class Patience:
    """Watches a client that connects again for as long as it lives; a command does not.

    Says when OpenD is gone and when it is back, so that nobody wonders about the silence.
    """

    def __init__(
        self, state: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._state = state
        self._clock = clock
        self._gone_since: float | None = None

    @property
    def reason(self) -> str:
        """Why the codes that are left have no answer."""
        return f"it did not come back within {PATIENCE:g} s"

    def exhausted(self) -> bool:
        """Look at the connection: has it been gone for too long?"""
        gone = self._state() == "reconnecting"
        if gone and self._gone_since is None:
            self._gone_since = self._clock()
            say(f"the connection to OpenD is lost; trying again for {PATIENCE:g} s")
        elif not gone and self._gone_since is not None:
            self._gone_since = None
            say("connected to OpenD again")
        return self._gone_since is not None and self._clock() - self._gone_since >= PATIENCE
