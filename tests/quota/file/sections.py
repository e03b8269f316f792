"""Pages, holders and moments for tests of the ledger file."""

from __future__ import annotations

import os

from aiocapdist.quota._file.holder import boot_clock, boot_id
from aiocapdist.quota._file.page import Page
from aiocapdist.quota._file.slots import Holder
from aiocapdist.quota._file.store import LEASE

PERIOD, MARGIN = 30.0, 0.05
SPAN = PERIOD + MARGIN
LEASED = LEASE + SPAN

ONE, OTHER, THIRD = (Holder(100 + n, 7, 1, n) for n in (1, 2, 3))
BOOT = bytes(range(16))


def blank(limit: int = 3, *, number: int = 9, epoch: float = 1.7e9) -> Page:
    """A page on which all is free, of a machine that exists here only."""
    return Page(limit, PERIOD, number=number, boot=BOOT, epoch=epoch)


def tally(page: Page, holder: Holder, now: float) -> tuple[int, int, int, int]:
    """Free, held by the holder, held by others, cooling."""
    sight = page.sight(holder, now)
    return sight.free, sight.mine, sight.others, len(sight.counted) + len(sight.refused)


def page_at(path: str | os.PathLike[str]) -> Page:
    """What is in the file."""
    with open(path, "rb") as file:
        return Page.parse(file.read())


def here(limit: int, now: float | None = None) -> Page:
    """A page of this machine's present."""
    clock = boot_clock() if now is None else now
    return Page(limit, PERIOD, number=1, boot=boot_id(), epoch=1.7e9 - clock)
