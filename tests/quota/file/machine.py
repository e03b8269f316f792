"""A machine that exists here only: its clock is moved by hand, and its processes die by word."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from aiocapdist.quota import FileQuota
from aiocapdist.quota._core import quota as local
from aiocapdist.quota._file import holder
from aiocapdist.quota._file import store as file_store
from aiocapdist.quota._file.page import Page
from aiocapdist.quota._file.slots import Holder

from ..stubs import Clock, Watched
from .pages import page_at

UPTIME = 5000.0


class Machine:
    """``now`` is the clock of its processes' loops; its own is ``UPTIME`` ahead of it."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.clock = Clock(1000.0)
        self.dead: set[int] = set()
        wall = time.time()
        its_time = SimpleNamespace(
            clock_gettime=lambda _: self.uptime, time=lambda: wall + self.clock.now
        )
        patch.setattr(holder, "time", its_time)
        patch.setattr(local, "time", SimpleNamespace(monotonic=lambda: self.clock.now - 77.0))
        patch.setattr(file_store, "is_alive", self.is_alive)

    @property
    def now(self) -> float:
        return self.clock.now

    @now.setter
    def now(self, now: float) -> None:
        self.clock.now = now

    @property
    def uptime(self) -> float:
        return UPTIME + self.clock.now

    def is_alive(self, asked: Holder) -> bool:
        return asked.instance not in self.dead

    def quota(self, limit: int = 3, period: float = 30.0, **options: float) -> FileQuota:
        """One of a new process, which a client uses."""
        quota = FileQuota(self.path, limit, period, **options)  # type: ignore[arg-type]
        quota.attach(self.clock, Watched())
        return quota

    def kill(self, quota: FileQuota) -> None:
        """Nothing more is heard of its process."""
        self.dead.add(quota._store._me.instance)
        quota._store.access._file.close()

    @property
    def page(self) -> Page:
        """What is in the file now."""
        return page_at(self.path)

    @property
    def free(self) -> int:
        return self.page.sight(holder.this_process(), self.uptime).free

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another process has the file, and does not go on."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
