"""Sections, owners and moments for tests of the ledger file."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

from aiocapdist.quota._core.quota import CAPITAL_DISTRIBUTION
from aiocapdist.quota._file.format import Contents
from aiocapdist.quota._file.owner import Owner, boot_clock, boot_id, time_namespace
from aiocapdist.quota._file.section import Section
from aiocapdist.quota._file.store import LEASE

PERIOD, MARGIN = 30.0, 0.05
SPAN = PERIOD + MARGIN
LEASED = LEASE + SPAN

ONE, OTHER, THIRD = (Owner(100 + n, 7, 1, n) for n in (1, 2, 3))
BOOT = bytes(range(16))
CALL = CAPITAL_DISTRIBUTION


def blank(limit: int = 3) -> Section:
    """Return a section on which all is free."""
    return Section(limit, PERIOD)


def state_of(section: Section) -> dict[str, object]:
    """Return all that a section is, but not what it has read from its records meanwhile."""
    return {name: value for name, value in vars(section).items() if name != "_columns"}


def tally(section: Section, owner: Owner, now: float) -> tuple[int, int, int, int]:
    """Return how many are free, held by the owner, held by others, expiring."""
    view = section.view(owner, now)
    return view.free, view.mine, view.others, len(view.counted) + len(view.rejected)


def contents_at(path: str | os.PathLike[str]) -> Contents:
    """Return what is in the file."""
    with open(path, "rb") as file:
        return Contents.unpack(file.read())


def section_at(path: str | os.PathLike[str], call: str = CALL) -> Section:
    """Return the tokens of a call in the file."""
    section = contents_at(path).section(call)
    assert section is not None
    return section


def contents_of(section: Section, *, boot: bytes = BOOT, epoch: float = 1.7e9) -> Contents:
    """Return a file's contents with this one section."""
    contents = Contents(number=9, boot=boot, epoch=epoch)
    contents.add(CALL, section)
    return contents


def put(path: Path, contents: Contents) -> None:
    """Write a file that its users trust, whenever that was."""
    path.write_bytes(contents.stamped(contents.body(), inf))


def present(section: Section) -> Contents:
    """Return the same for this machine, as it runs now."""
    contents = contents_of(section, boot=boot_id(), epoch=1.7e9 - boot_clock())
    contents.time_namespace = time_namespace()
    return contents
