"""Opens and makes the ledger file, safely in folders that other users can write to."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import time
from pathlib import Path

from ...errors import QuotaUnavailable

MARKER_TEXT = (
    b"If the ledger beside this file is deleted, its users wait until all that may have been\n"
    b"spent has expired. If this file is deleted as well, they do not.\n"
)
# Their locks do not hold, or their other machines' clocks are not ours.
OVER_THE_NETWORK = frozenset(
    ["9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "lustre", "nfs", "nfs4", "smb3"]
)
OTHERS = stat.S_IWGRP | stat.S_IWOTH


def open_ledger(path: Path, mode: int) -> int:
    """Open the ledger file for reading and writing. Raises OSError, QuotaUnavailable."""
    flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC  # opening a device must not wait for it
    folder = os.stat(path.parent)
    if folder.st_mode & OTHERS:
        flags |= os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and flags & os.O_NOFOLLOW:
            raise unavailable(
                path,
                "it is a link, in a folder that others can write to",
                "give the path of the file itself, in a folder of your own",
            ) from None
        raise
    owner = os.fstat(descriptor).st_uid
    if folder.st_mode & stat.S_IWOTH and not mode & OTHERS and owner not in {os.geteuid(), 0}:
        os.close(descriptor)
        raise unavailable(
            path,
            f"it belongs to user {owner}, in a folder that anybody can write to",
            "give a path in a folder of your own, or a mode that lets others write",
        )
    return descriptor


def make_ledger(path: Path, data: bytes, mode: int) -> None:
    """Make the file whole, so that nobody ever sees half of one. Raises OSError.

    Does nothing if another process was quicker.
    """
    path = _real(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)  # whatever the umask
        write_all(descriptor, data)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        os.unlink(draft)


def write_all(descriptor: int, data: bytes) -> None:
    """Write these bytes at the beginning, in one call: a killed process wrote all or nothing.

    Raises OSError if the disk is full.
    """
    if os.pwrite(descriptor, data, 0) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def was_made(path: Path) -> bool:
    """True if there was a ledger at this path, though it may be gone."""
    try:
        return _marker(path).exists()
    except OSError:
        return False


def mark_made(path: Path, mode: int) -> None:
    """Leave a trace of the ledger beside it, which tells when it was deleted."""
    try:
        descriptor = os.open(
            _marker(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode
        )
    except OSError:
        return  # it is there, or the folder takes no more files
    try:
        os.write(descriptor, MARKER_TEXT)
    except OSError:
        pass  # the name is what counts
    finally:
        os.close(descriptor)


def check_kind(path: Path, descriptor: int) -> None:
    """Raise QuotaUnavailable for what is no plain file, or lies where machines share it."""
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        raise unavailable(path, "it is no plain file", "give the path of a file of its own")
    kind = _file_system(facts.st_dev)
    if kind in OVER_THE_NETWORK:
        raise unavailable(
            path,
            f"it lies on a network file system ({kind}), and only processes of one machine "
            "can share it",
            "choose a local path, or RedisQuota for several machines",
        )


def unavailable(path: Path, reason: str, hint: str) -> QuotaUnavailable:
    """Build the error that says why this file cannot be used."""
    return QuotaUnavailable(str(path), reason, hint)


def _real(path: Path) -> Path:
    """Return where a link leads, though there may be nothing; not where others could make one."""
    if os.stat(path.parent).st_mode & OTHERS:
        return path
    return Path(os.path.realpath(path))


def _marker(path: Path) -> Path:
    real = _real(path)
    return real.with_name(f".{real.name}.made")


def _file_system(device: int) -> str | None:
    """Return the kind of file system of this device, None if the system does not tell."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    for mount in mounts:
        fields, _, rest = mount.partition(" - ")
        if fields.split()[2:3] == [number]:
            return rest.split()[0]
    return None


def unusable(path: Path, error: OSError) -> QuotaUnavailable:
    """Build the error for a file that the system does not let us use."""
    reason = error.strerror or str(error)
    return unavailable(path, reason, "give the path of a file that can be written")


def locked(path: Path) -> QuotaUnavailable:
    """Build the error for a file that another process keeps locked."""
    return unavailable(
        path,
        "another program has held its lock for seconds",
        "find the one that is suspended",
    )


def wall_clock() -> float:
    """Return the Unix time by which the file system stamps its files."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def try_lock(descriptor: int, kind: int) -> bool:
    """Lock an open file. False if another process has it: it needs some microseconds."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.sched_yield()
        return False
    return True
