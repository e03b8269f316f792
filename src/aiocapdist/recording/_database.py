"""What a recording needs of its database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from ..errors import RecordingError

Retry: TypeAlias = Literal["never", "locked", "away"]
"""Whether trying again may help: others hold a lock, or the server cannot be reached."""


class Failed(Exception):
    """An operation failed and changed nothing. ``error`` is what users get in the end."""

    def __init__(self, error: RecordingError, retry: Retry = "never") -> None:
        super().__init__(error)
        self.error = error
        self.retry = retry


class Database(ABC):
    """Where a recording is kept. Nothing is opened before :meth:`open`."""

    where: str
    """The address as users may see it: no password."""
    insert: Callable[..., Any]
    """The dialect's INSERT, which knows ON CONFLICT."""

    @abstractmethod
    def open(self, *, read_only: bool) -> Engine:
        """Return an engine whose database holds our tables; create them if it is empty.

        Raises Failed, and changes nothing then. The engine keeps one connection at most.
        """

    @abstractmethod
    def check(self) -> None:
        """Raise Failed if what was opened has been replaced meanwhile."""

    @abstractmethod
    def explain(self, error: DBAPIError) -> Failed:
        """Return what a driver's error means."""

    def failed(self, reason: str, hint: str, retry: Retry = "never") -> Failed:
        """Build a failure of this database."""
        return Failed(RecordingError(self.where, reason, hint), retry)

    def too_new(self, found: int, known: int) -> Failed:
        """Build the failure for a schema that a newer version made."""
        return self.failed(
            f"a newer aiocapdist made it: its schema is {found}, and this one knows {known}",
            "upgrade aiocapdist",
        )
