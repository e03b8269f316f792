"""A machine that exists here only: its clock is moved by hand, and its processes die by word."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aiocapdist.quota import FileQuota
from aiocapdist.quota._core import scheduler, store
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._core.scheduler import Scheduler
from aiocapdist.quota._file import owner
from aiocapdist.quota._file import store as file_store
from aiocapdist.quota._file.owner import Owner
from aiocapdist.quota._file.section import Section
from aiocapdist.quota._file.store import FileStore

from ..stubs import Clock, Watched
from .sections import CALL, MARGIN, section_at

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
        patch.setattr(owner, "time", its_time)
        for module in (scheduler, store):
            patch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.clock.now - 77.0))
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

    def is_alive(self, asked: Owner) -> bool:
        return asked.instance not in self.dead

    def quota(self, limit: int = 3, period: float = 30.0, **options: Any) -> Scheduler:
        """Return the scheduler of a new process's quota, which a client uses."""
        quota = scheduler_of(FileQuota(self.path, limit, period, **options))
        prepare(store_of(quota))
        quota.attach(self.clock, Watched())
        return quota

    def store(self, limit: int = 3, period: float = 30.0, path: Path | None = None) -> FileStore:
        """Return the store of a new process's quota."""
        made = FileStore(path or self.path, CALL, limit, period, MARGIN)
        made.change_clock(self.clock)
        return made

    def kill(self, quota: Scheduler) -> None:
        """Let a quota's process die: nothing more is heard of it."""
        self.dead.add(store_of(quota).owner.instance)
        store_of(quota).updater.file.close()

    @property
    def section(self) -> Section:
        """What is in the file now."""
        return section_at(self.path)

    @property
    def free(self) -> int:
        return self.section.view(owner.new_owner(), self.uptime).free

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another process has the file, and does not go on."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def prepare(store: FileStore) -> None:
    """Do what a client does before it attaches, without a loop."""
    checked = store.updater.check()
    assert checked is not None
    store.adopt(checked)


def store_of(quota: Scheduler) -> FileStore:
    """Return the store behind a FileQuota."""
    assert isinstance(quota.store, FileStore)
    return quota.store
