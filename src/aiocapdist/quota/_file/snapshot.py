"""Reading a ledger file beside those who use it: nothing is locked, taken or changed."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from ...errors import QuotaUnavailable
from .._core.snapshot import Owner, QuotaSnapshot, Token, overview
from .._core.store import GRACE
from .holder import boot_clock, boot_id, in_sight, is_alive
from .page import LARGEST, Foreign, Page, Torn
from .slots import FREE, HELD, NOBODY, Holder, Slot

READS = 50  # a read that meets a write has a wrong checksum: that is over in microseconds
BETWEEN_READS = 0.001


def overview_of_file(path: str | os.PathLike[str]) -> QuotaSnapshot:
    """How the tokens in this file stand now. Blocks for 50 ms at the most.

    Raises QuotaUnavailable where there is no such file, or it is no ledger, or a damaged one.
    """
    page = _read(Path(path))
    now = boot_clock()
    if page.boot != (boot := boot_id()):
        page.started_anew(boot, now, time.time() - now, page.period + GRACE)
    used = [slot for slot in page.slots if slot.state != FREE and slot.until > now]
    owners = {holder: _owner(holder) for holder in {slot.holder for slot in used}}
    unknown = all(owner is None for owner in owners.values()) and len(used) == page.limit
    return overview(
        str(path),
        page.limit,
        page.period,
        tokens=[
            Token(owners[slot.holder], slot.state == HELD, _back_in(slot, page, now))
            for slot in used
        ],
        refused=page.refused,
        waiting=sum(until > now for until in page.waiting.values()),
        unknown_for=min(slot.until for slot in used) - now if unknown else 0.0,
    )


def _read(path: Path) -> Page:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise QuotaUnavailable(str(path), "it is no plain file", "check the path")
            return _parse(descriptor)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise QuotaUnavailable(
            str(path), "there is no such file", "the first program that uses it makes it"
        ) from None
    except OSError as error:
        raise QuotaUnavailable(
            str(path), error.strerror or str(error), "give the path of a file that can be read"
        ) from None
    except Foreign as error:
        raise QuotaUnavailable(str(path), str(error), "check the path") from None
    except Torn as error:
        raise QuotaUnavailable(
            str(path),
            f"it is damaged: {error}",
            "the next program that uses it mends it, and waits until all has cooled",
        ) from None


def _parse(descriptor: int) -> Page:
    for _ in range(READS - 1):
        try:
            return Page.parse(os.pread(descriptor, LARGEST, 0))
        except Torn:
            time.sleep(BETWEEN_READS)
    return Page.parse(os.pread(descriptor, LARGEST, 0))


def _back_in(slot: Slot, page: Page, now: float) -> float:
    """Until when a request is held is a lease, which its holder renews."""
    left = slot.until - now
    return min(left, page.period) if slot.state == HELD else left


def _owner(holder: Holder) -> Owner | None:
    if holder == NOBODY:
        return None
    name = f"process {holder.pid}"
    if not in_sight(holder):
        return Owner(name, None, "out of sight")
    if not is_alive(holder):
        return Owner(name, None, "dead")
    return Owner(name, _program(holder.pid), "alive")


def _program(pid: int) -> str | None:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace")
    except OSError:
        return None
    return program_of(line.rstrip("\0").split("\0"))


def program_of(words: list[str]) -> str | None:
    """What this command runs; nothing of its arguments, which may be secrets."""
    program = Path(words[0]).name
    if not program.startswith("python") or not words[1:]:
        return program or None
    if words[1] == "-m":
        return " ".join([program, *words[1:3]])
    return program if words[1].startswith("-") else f"{program} {Path(words[1]).name}"
