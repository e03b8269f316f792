"""The ledger file: found or made, locked for a moment, read and written. Never waits.

It is written through the system's cache and never synchronised to the disk: a process that
dies leaves in it what it wrote, and what a power cut takes is older than the next start.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path

from ...errors import QuotaUnavailable
from .._core.loops import call_after_fork
from .format import LARGEST, Contents, Damaged, Foreign, file_size
from .owner import boot_clock, boot_id
from .section import Section

log = logging.getLogger("aiocapdist")

# Their locks do not hold, or their other machines' clocks are not ours.
OVER_THE_NETWORK = frozenset(
    ["9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "lustre", "nfs", "nfs4", "smb3"]
)
ATTEMPTS = 3  # to get the lock: whoever has it needs some microseconds


class LedgerFile:
    """The section of one call in one file.

    ``span`` is how long a token may have to cool; ``cold`` how long nothing is granted if it
    is not known what was spent.
    """

    def __init__(
        self, path: Path, call: str, limit: int, period: float, *, span: float, cold: float
    ) -> None:
        self._descriptor = -1
        self._identity = (0, 0)
        self.path = path
        self._call = call
        self._limit = limit
        self._period = period
        self._span = span
        self._cold = cold
        self._boot = boot_id()
        self._size = file_size(limit)  # as it was last
        # What is known of the tokens, whatever becomes of the file; and the bytes of that, if
        # the file is known to hold them.
        self._contents: Contents | None = None
        self._bytes = b""
        call_after_fork(self)

    def __del__(self) -> None:
        self.close()

    # ---- there or not

    def check(self) -> None:
        """Validate the file fully, as done once before use. Raises QuotaUnavailable."""
        try:
            self.open()
            facts = os.fstat(self._descriptor)
        except OSError as error:
            raise self._unusable(error) from None
        if not stat.S_ISREG(facts.st_mode):
            raise self.unavailable("it is no plain file", "give the path of a file of its own")
        kind = _file_system(facts.st_dev)
        if kind in OVER_THE_NETWORK:
            raise self.unavailable(
                f"it lies on a network file system ({kind}), and only processes of one machine "
                "can share it",
                "choose a local path, or RedisQuota for several machines",
            )

    def open(self) -> None:
        """Open the file, or make it. Repeatable. Raises OSError."""
        if self._descriptor < 0:
            self._descriptor = self._open()
            facts = os.fstat(self._descriptor)
            self._identity = (facts.st_dev, facts.st_ino)

    def close(self) -> None:
        """Close the file, which ends its lock. Repeatable."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def after_fork(self) -> None:
        """Close the parent's descriptor: its lock would be the child's as well."""
        self.close()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_NONBLOCK  # opening a device must not wait for it
        try:
            return os.open(self.path, flags)
        except FileNotFoundError:
            self._make()
            return os.open(self.path, flags)

    def _make(self) -> None:
        """Make the file whole: nobody ever sees half of one."""
        path = Path(os.path.realpath(self.path))  # there may be a link that leads to nothing
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        contents = self._new_contents()
        if self._contents is not None:
            contents.merge(self._contents)
        self._section_of(contents)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            os.pwrite(descriptor, contents.pack(), 0)
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was quicker
        finally:
            os.close(descriptor)
            os.unlink(draft)

    # ---- reading and writing

    def update(self, change: Callable[[Section], None]) -> bool:
        """Read and modify the section while the file is locked.

        False if another process has it locked: try again soon. Raises QuotaUnavailable if the
        file cannot be used.
        """
        try:
            if not self._lock():
                return False
            try:
                self._change(change)
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        except OSError as error:
            raise self._unusable(error) from None
        return True

    def adopt(self, other: LedgerFile) -> Section | None:
        """Learn what another object knows of the same file, if this one knows nothing yet.

        Returns the section as it was then, None if nothing was to be learnt.
        """
        if self._contents is not None or other._contents is None:
            return None
        self._contents = other._contents
        return self._section_of(self._contents)

    def peek(self) -> Section | None:
        """Read the section, and change nothing. None if it is locked or cannot be read.

        A file or a section that is not there yet reads as one on which all is free.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return self._section_of(self._contents or self._new_contents())
        except OSError:
            return None
        try:
            for _ in range(ATTEMPTS):
                if _try_lock(descriptor, fcntl.LOCK_SH):
                    return self._section_of(self._unpack(self._read(descriptor)))
        except (OSError, Damaged, QuotaUnavailable):
            pass
        finally:
            os.close(descriptor)
        return None

    def _lock(self) -> bool:
        """Lock the file that is at the path now. False if it is locked already."""
        for _ in range(ATTEMPTS):
            self.open()
            if not _try_lock(self._descriptor, fcntl.LOCK_EX):
                continue
            if self._is_in_place():
                return True
            log.warning("the ledger %s was deleted or moved while in use: on in another", self.path)
            self.close()
        return False

    def _is_in_place(self) -> bool:
        try:
            facts = os.stat(self.path)
        except FileNotFoundError:
            return False
        return self._identity == (facts.st_dev, facts.st_ino)

    def _change(self, change: Callable[[Section], None]) -> None:
        data = self._read(self._descriptor)
        known, self._bytes = self._bytes, b""  # unknown if any of these should fail
        contents = self._contents if known and data == known else None
        contents = contents or self._contents_of(data)
        change(self._section_of(contents))
        packed = contents.pack()
        if packed != data:
            packed = contents.next_generation(packed)
            # One call for all of it: a process that is killed has written it, or has not.
            os.pwrite(self._descriptor, packed, 0)
        self._contents, self._bytes, self._size = contents, packed, len(packed)

    def _read(self, descriptor: int) -> bytes:
        data = os.pread(descriptor, self._size + 1, 0)
        if len(data) > self._size:  # there is another section, perhaps
            data = os.pread(descriptor, LARGEST, 0)
            if len(data) == LARGEST:
                raise self.unavailable("it is far too large", "give it a path of its own")
        return data

    def _contents_of(self, data: bytes) -> Contents:
        """Return what the file holds, with what else is known of its tokens."""
        try:
            contents = self._unpack(data)
        except Damaged as error:
            contents = self._instead_of_damaged(error)
        if self._contents is not None and self._contents.number != contents.number:
            contents.merge(self._contents)
        return contents

    def _unpack(self, data: bytes) -> Contents:
        try:
            contents = Contents.unpack(data)
        except Foreign as error:
            raise self.unavailable(str(error), "give it a path of its own") from None
        if contents.boot != self._boot:
            now = boot_clock()
            contents.restarted(self._boot, now, time.time() - now, self._span)
        return contents

    def _section_of(self, contents: Contents) -> Section:
        """Return the call's tokens, made first if there are none. Raises QuotaUnavailable."""
        section = contents.section(self._call)
        if section is None:
            section = contents.new_section(self._call, self._limit, self._period)
        if (section.limit, section.period) != (self._limit, self._period):
            raise self.unavailable(
                f"it is for {section.limit} calls in {section.period:g} s, not {self._limit} in "
                f"{self._period:g} s",
                "give all that share it the same numbers, or another path",
            )
        return section

    def _instead_of_damaged(self, error: Damaged) -> Contents:
        log.warning(
            "the ledger %s is damaged (%s): nothing is granted for %.0f s",
            *(self.path, str(error), self._cold),
        )
        contents = self._new_contents()
        contents.cold_until = boot_clock() + self._cold
        os.ftruncate(self._descriptor, file_size(self._limit))
        return contents

    def _new_contents(self) -> Contents:
        now = boot_clock()
        return Contents(number=secrets.randbits(64), boot=self._boot, epoch=time.time() - now)

    # ---- errors

    def _unusable(self, error: OSError) -> QuotaUnavailable:
        return self.unavailable(
            error.strerror or str(error), "give the path of a file that can be written"
        )

    def locked(self) -> QuotaUnavailable:
        """Build the error for a file that another process keeps locked."""
        return self.unavailable(
            "another program has had it locked for seconds", "see which one stopped meanwhile"
        )

    def unavailable(self, reason: str, hint: str) -> QuotaUnavailable:
        """Build the error that says why this file cannot be used."""
        return QuotaUnavailable(str(self.path), reason, hint)


def _try_lock(descriptor: int, kind: int) -> bool:
    """Lock an open file. False if another process has it: it needs some microseconds."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.sched_yield()
        return False
    return True


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
