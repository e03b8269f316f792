"""Which quota of which process has a token, whether it is alive, and the machine's clock.

The clock counts from the machine's start and goes on while it sleeps, so it is the same for
all processes, and nothing that was spent before a restart is ever later than the restart.
"""

from __future__ import annotations

import os
import secrets
import time
import uuid
from pathlib import Path
from typing import NamedTuple

# Where the system has no such clock, the monotonic one counts from the start as well.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None) or time.CLOCK_MONOTONIC


class Owner(NamedTuple):
    """One quota object in one process."""

    pid: int
    started: int
    """When the process started, in the kernel's ticks: process ids are used again."""
    namespace: int
    """The namespace in which ``pid`` means something."""
    instance: int
    """Random: a process may have several quotas."""


NOBODY = Owner(0, 0, 0, 0)


def boot_clock() -> float:
    """Return the seconds since the machine's start."""
    return time.clock_gettime(_CLOCK)


def boot_id() -> bytes:
    """Return sixteen bytes that differ after each start of the machine."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
        return uuid.UUID(text.strip()).bytes
    except (OSError, ValueError):
        # Else the time of the start, rounded, since wall clocks are corrected now and then.
        return round((time.time() - boot_clock()) / 64).to_bytes(16, "big", signed=True)


def time_namespace() -> int:
    """Return the namespace in which :func:`boot_clock` counts; 0 if there is only one."""
    return _inode("/proc/self/ns/time")


def new_owner() -> Owner:
    """Return a new owner in this process."""
    pid = os.getpid()
    _, started = _look_up(pid)
    return Owner(pid, started, _namespace(), secrets.randbits(64))


def is_visible(owner: Owner) -> bool:
    """True if its process id means the same here: in another container it may not."""
    return owner.namespace == _namespace()


def is_alive(owner: Owner) -> bool:
    """True if its process is alive, or is not visible from here."""
    if not is_visible(owner):
        return True
    state, started = _look_up(owner.pid)
    if state is None:
        return _accepts_signals(owner.pid)
    return state not in b"ZX" and started == owner.started


def _look_up(pid: int) -> tuple[bytes | None, int]:
    """Return a process's state and when it started; (None, 0) if that cannot be read."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None, 0
    try:
        stat = os.pread(descriptor, 1024, 0)  # from memory: it never waits for a disk
    except OSError:
        return None, 0  # the process ended just now
    finally:
        os.close(descriptor)
    # Its name, in parentheses, may hold anything.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return fields[0], int(fields[19])


def _accepts_signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is alive, and another user's
    return True


def _namespace() -> int:
    return _inode("/proc/self/ns/pid")


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
