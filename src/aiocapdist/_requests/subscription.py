"""What one reader of a watch has been given, and what it has not read yet."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from .._loop import Waiter, wake
from ..errors import AiocapdistError, own_copy
from ..models import CapitalDistribution, Change
from .rounds import Observation


class Unread(NamedTuple):
    """A change that has not been read, and the number of changes that it replaced."""

    observation: Observation
    skipped: int


class Subscription:
    """Changes for one reader: of each code the latest, in the order in which codes changed."""

    def __init__(self) -> None:
        self.paused: bool = False
        """True if the reader was cancelled, and has not come back."""
        self.ended: bool = False
        self.failure: AiocapdistError | None = None
        """The error that ends the iteration after the unread changes."""
        self.waiter: Waiter | None = None
        self.unread: OrderedDict[str, Unread] = OrderedDict()
        """The latest change of each code that has not been read."""
        self._given: dict[str, CapitalDistribution] = {}
        self._failing: dict[str, type[AiocapdistError]] = {}

    def put(self, code: str, observation: Observation) -> None:
        """Add an answer if it differs from what the reader will have been given by then."""
        unread = self.unread.get(code)
        if unread is not None:
            if observation.repeats(unread.observation):
                return
            self.unread[code] = Unread(observation, unread.skipped + 1)
        elif self._is_new(code, observation):
            self.unread[code] = Unread(observation, 0)
            self._wake()
        elif observation.value is not None:
            self._given[code] = observation.value  # equal figures are kept once

    def pop(self) -> Change:
        """Return the change that has waited longest. There is one."""
        code, (observation, skipped) = self.unread.popitem(last=False)
        previous = self._given.get(code)
        value, error, gateway, seen_at = observation
        if error is not None:
            self._failing[code] = type(error)
            error = own_copy(error)
        else:
            assert value is not None
            self._failing.pop(code, None)
            self._given[code] = value
        return Change(code, value, previous, error, skipped, gateway, seen_at)

    def forget(self, code: str) -> None:
        """Drop what is known of a code, its unread change too."""
        for table in (self.unread, self._given, self._failing):
            table.pop(code, None)

    def end(self, failure: AiocapdistError | None = None) -> None:
        """End the iteration: after the unread changes with an error, else at once."""
        self.ended = True
        self.failure = failure
        if failure is None:
            self.unread.clear()
        self._wake()

    def _is_new(self, code: str, observation: Observation) -> bool:
        failing = self._failing.get(code)
        if observation.error is not None:
            return type(observation.error) is not failing
        return failing is not None or self._given.get(code) != observation.value

    def _wake(self) -> None:
        if self.waiter is not None:
            wake(self.waiter)
