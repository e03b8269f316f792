"""Reads a ledger file beside those that use it: nothing is locked, taken or changed."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from ...errors import QuotaUnavailable
from .._core.quota import CAPITAL_DISTRIBUTION
from .._core.snapshot import OwnerInfo, QuotaSnapshot, TokenInfo, take_snapshot
from .._core.store import GRACE
from .format import LARGEST, Contents, Damaged, Foreign
from .owner import NOBODY, Owner, boot_clock, boot_id, is_alive, is_visible
from .section import Section
from .tokens import FREE, HELD, Token

READS = 50  # a read that meets a write has a wrong checksum: that is over in microseconds
BETWEEN_READS = 0.001


def snapshot_of_file(
    path: str | os.PathLike[str], call: str = CAPITAL_DISTRIBUTION
) -> QuotaSnapshot:
    """Return how the tokens of a call in this file stand now. Blocks for 50 ms at most.

    Raises QuotaUnavailable if there is no such file, or it is no ledger or a damaged one, or
    has no tokens of this call.
    """
    contents = _read(Path(path))
    section = contents.section(call)
    if section is None:
        raise QuotaUnavailable(
            str(path), f"it has no tokens of call {call}", "the first program that asks makes them"
        )
    now = boot_clock()
    if contents.boot != (boot := boot_id()):
        contents.restarted(boot, now, time.time() - now, section.period + GRACE)
    used = [token for token in section.tokens if token.state != FREE and token.until > now]
    owners = {owner: _info(owner) for owner in {token.owner for token in used}}
    unknown = all(info is None for info in owners.values()) and len(used) == section.limit
    return take_snapshot(
        str(path),
        section.limit,
        section.period,
        tokens=[
            TokenInfo(owners[token.owner], token.state == HELD, _back_in(token, section, now))
            for token in used
        ],
        rejections=section.rejections,
        waiting=sum(until > now for until in section.waiting.values()),
        unknown_for=min(token.until for token in used) - now if unknown else 0.0,
    )


def _read(path: Path) -> Contents:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise QuotaUnavailable(str(path), "it is no plain file", "check the path")
            return _unpack(descriptor)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise QuotaUnavailable(
            str(path), "there is no such file", "the first program that uses it creates it"
        ) from None
    except OSError as error:
        raise QuotaUnavailable(
            str(path), error.strerror or str(error), "give the path of a file that can be read"
        ) from None
    except Foreign as error:
        raise QuotaUnavailable(str(path), str(error), "check the path") from None
    except Damaged as error:
        raise QuotaUnavailable(
            str(path),
            f"it is damaged: {error}",
            "the next program that uses it repairs it, and waits until all has expired",
        ) from None


def _unpack(descriptor: int) -> Contents:
    for _ in range(READS - 1):
        try:
            return Contents.unpack(os.pread(descriptor, LARGEST, 0))
        except Damaged:
            time.sleep(BETWEEN_READS)
    return Contents.unpack(os.pread(descriptor, LARGEST, 0))


def _back_in(token: Token, section: Section, now: float) -> float:
    """Seconds until the token is free; a held one until its lease ends, a period at most."""
    left = token.until - now
    return min(left, section.period) if token.state == HELD else left


def _info(owner: Owner) -> OwnerInfo | None:
    if owner == NOBODY:
        return None
    name = f"process {owner.pid}"
    if not is_visible(owner):
        return OwnerInfo(name, None, "out of sight")
    if not is_alive(owner):
        return OwnerInfo(name, None, "dead")
    return OwnerInfo(name, _program(owner.pid), "alive")


def _program(pid: int) -> str | None:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace")
    except OSError:
        return None
    return program_of(line.rstrip("\0").split("\0"))


def program_of(words: list[str]) -> str | None:
    """Return the name of the program in this command, without arguments: they may be secret."""
    program = Path(words[0]).name
    if not program.startswith("python") or not words[1:]:
        return program or None
    if words[1] == "-m":
        return " ".join([program, *words[1:3]])
    return program if words[1].startswith("-") else f"{program} {Path(words[1]).name}"
