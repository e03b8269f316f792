"""Who this process is to the others of its machine, which of them live, and their common clock.

The clock counts from the machine's start and goes on while it sleeps, so it is the same for
all processes, and nothing that was spent before a restart is ever later than the restart.
"""

from __future__ import annotations

import os
import secrets
import time
import uuid
from pathlib import Path

from .slots import Holder

# Where the system has no such clock, the monotonic one counts from the start as well.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None) or time.CLOCK_MONOTONIC


def boot_clock() -> float:
    """Seconds since the machine's start."""
    return time.clock_gettime(_CLOCK)


def boot_id() -> bytes:
    """Sixteen bytes that are others after each start of the machine."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
        return uuid.UUID(text.strip()).bytes
    except (OSError, ValueError):
        # Without it, when the machine was started tells: to some seconds, since clocks are set.
        return round((time.time() - boot_clock()) / 64).to_bytes(16, "big", signed=True)


def this_process() -> Holder:
    """A new holder in this process."""
    pid = os.getpid()
    _, started = _look_up(pid)
    return Holder(pid, started, _space(), secrets.randbits(64))


def in_sight(holder: Holder) -> bool:
    """Whether its process id means the same to us: in another container it may not."""
    return holder.space == _space()


def is_alive(holder: Holder) -> bool:
    """Whether its process lives. One that cannot be seen from here is taken to."""
    if not in_sight(holder):
        return True
    state, started = _look_up(holder.pid)
    if state is None:
        return _answers(holder.pid)
    return state not in b"ZX" and started == holder.started


def _look_up(pid: int) -> tuple[bytes | None, int]:
    """A process's state and when it started; (None, 0) where that is not to be seen."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None, 0
    try:
        stat = os.pread(descriptor, 1024, 0)  # from memory: it never waits for a disk
    except OSError:
        return None, 0  # it ended just now
    finally:
        os.close(descriptor)
    # Its name, in parentheses, may hold anything.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return fields[0], int(fields[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it lives, as somebody else's
    return True


def _space() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
