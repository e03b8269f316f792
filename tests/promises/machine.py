"""A machine on virtual time, for FileQuota: its clock is the loop's; who is dead on it is told."""

from __future__ import annotations

from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest

from aiocapdist.quota import FileQuota
from aiocapdist.quota._core import scheduler, store
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._file import owner
from aiocapdist.quota._file import store as file_store
from aiocapdist.quota._file.owner import Owner
from aiocapdist.quota._file.store import FileStore

from ..quota.file.machine import store_of


class Machine:
    """Its clock is the loop's; who is dead on it is told."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.dead: set[int] = set()
        its_time = SimpleNamespace(clock_gettime=self.read, time=lambda: 1.7e9 + self.read())
        patch.setattr(owner, "time", its_time)
        for module in (scheduler, store):
            patch.setattr(module, "time", SimpleNamespace(monotonic=self.read))
        patch.setattr(file_store, "is_alive", self.is_alive)
        patch.setattr(FileStore, "check", self.check)

    def read(self, _: object = None) -> float:
        try:
            self.now = anyio.current_time()
        except RuntimeError:
            pass  # outside of any loop
        return 5000.0 + self.now

    def is_alive(self, asked: Owner) -> bool:
        return asked.instance not in self.dead

    async def check(self) -> None:
        """A thread would take no virtual time."""
        await anyio.lowlevel.checkpoint()

    def kill(self, quota: FileQuota) -> int:
        """Nothing more is heard of it in the file. Returns how many tokens it held."""
        store = store_of(scheduler_of(quota))
        self.dead.add(store.owner.instance)
        store.updater.file.update = lambda change: True  # type: ignore[method-assign]
        return store.mine
