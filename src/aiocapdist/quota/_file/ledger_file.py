"""The ledger's file: found or made, locked for a moment, read and written. Never waits.

It is written through the system's cache and never synchronised to the disk: whoever dies
leaves in it what it wrote, and what a loss of power takes is older than the next start.
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
from .holder import boot_clock, boot_id
from .page import LARGEST, Foreign, Page, Torn, size_of

log = logging.getLogger("aiocapdist")

# Their locks do not hold, or their other machines' clocks are not ours.
OVER_THE_NETWORK = frozenset(
    ["9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "lustre", "nfs", "nfs4", "smb3"]
)
ATTEMPTS = 3  # to get the lock: who has it needs some microseconds


class LedgerFile:
    """One file of one account.

    ``span`` is how long a token may have to cool; ``cold`` how long nothing is granted where
    it cannot be told what was spent.
    """

    def __init__(self, path: Path, limit: int, period: float, *, span: float, cold: float) -> None:
        self._descriptor = -1
        self._process = 0  # that opened it
        self._identity = (0, 0)
        self.path = path
        self._limit = limit
        self._period = period
        self._span = span
        self._cold = cold
        self._boot = boot_id()
        self._page: Page | None = None  # what is known of the tokens, whatever becomes of the file
        self._bytes = b""  # of that page as the file has them; none if that is not certain

    def __del__(self) -> None:
        self.close()

    # ---- there or not

    def check(self) -> None:
        """Whether it can be used, at more length than each time.

        Raises QuotaUnavailable where not.
        """
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
        """Find it, or make it. Repeatable. Raises OSError."""
        if self._process != os.getpid():
            self.close()  # it came with a fork: the parent's lock would be ours as well
        if self._descriptor < 0:
            self._descriptor = self._open()
            self._process = os.getpid()
            facts = os.fstat(self._descriptor)
            self._identity = (facts.st_dev, facts.st_ino)

    def close(self) -> None:
        """Let go of it, and of its lock. Repeatable."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_NONBLOCK  # where it is a device after all, it shall not wait
        try:
            return os.open(self.path, flags)
        except FileNotFoundError:
            self._make()
            return os.open(self.path, flags)

    def _make(self) -> None:
        """Put it there whole: nobody ever sees half of one. What is not known to be spent is
        free."""
        path = Path(os.path.realpath(self.path))  # there may be a link that leads to nothing
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        page = self._new_page()
        if self._page is not None:
            page.merge(self._page)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            os.pwrite(descriptor, page.pack(), 0)
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was quicker
        finally:
            os.close(descriptor)
            os.unlink(draft)

    # ---- what is in it

    def update(self, change: Callable[[Page], None]) -> bool:
        """Look at the page and change it, while nobody else can.

        False: another process has it just now. Raises QuotaUnavailable where the file cannot
        be used.
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

    def _lock(self) -> bool:
        """Lock the file that is at the path now."""
        for _ in range(ATTEMPTS):
            self.open()
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.sched_yield()
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

    def _change(self, change: Callable[[Page], None]) -> None:
        data = self._read()
        known, self._bytes = self._bytes, b""  # nothing is certain if one of these should fail
        page = self._page if known and data == known else None
        page = page or self._page_in(data)
        change(page)
        packed = page.pack()
        if packed != data:
            # One call for all of it: who is killed has written it, or has not.
            os.pwrite(self._descriptor, packed, 0)
        self._page, self._bytes = page, packed

    def _read(self) -> bytes:
        size = size_of(self._limit)
        data = os.pread(self._descriptor, size + 1, 0)
        if len(data) > size:  # perhaps one for more tokens
            data = os.pread(self._descriptor, LARGEST, 0)
            if len(data) == LARGEST:
                raise self.unavailable("it is far too large", "give it a path of its own")
        return data

    def _page_in(self, data: bytes) -> Page:
        """The page that this file holds, with what else is known of its tokens."""
        try:
            page = Page.parse(data)
        except Foreign as error:
            raise self.unavailable(str(error), "give it a path of its own") from None
        except Torn as error:
            page = self._instead_of_the_damaged(error)
        if (page.limit, page.period) != (self._limit, self._period):
            raise self.unavailable(
                f"it is for {page.limit} calls in {page.period:g} s, not {self._limit} in "
                f"{self._period:g} s",
                "give all that share it the same numbers, or another path",
            )
        if page.boot != self._boot:
            now = boot_clock()
            page.started_anew(self._boot, now, time.time() - now, self._span)
        if self._page is not None and self._page.number != page.number:
            page.merge(self._page)
        return page

    def _instead_of_the_damaged(self, error: Torn) -> Page:
        log.warning(
            "the ledger %s is damaged (%s): nothing is granted for %.0f s",
            *(self.path, str(error), self._cold),
        )
        os.ftruncate(self._descriptor, size_of(self._limit))
        page = self._new_page()
        page.cool_all(boot_clock() + self._cold)
        return page

    def _new_page(self) -> Page:
        now = boot_clock()
        return Page(
            *(self._limit, self._period),
            number=secrets.randbits(64),
            boot=self._boot,
            epoch=time.time() - now,
        )

    def _unusable(self, error: OSError) -> QuotaUnavailable:
        return self.unavailable(
            error.strerror or str(error), "give the path of a file that can be written"
        )

    def locked(self) -> QuotaUnavailable:
        """The error that says that somebody keeps it locked."""
        return self.unavailable(
            "another program has had it locked for seconds", "see which one stopped meanwhile"
        )

    def unavailable(self, reason: str, hint: str) -> QuotaUnavailable:
        """The error that says so of this file."""
        return QuotaUnavailable(str(self.path), reason, hint)


def _file_system(device: int) -> str | None:
    """What kind of file system it is, where the system tells."""
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
