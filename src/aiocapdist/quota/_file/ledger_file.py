"""The ledger file: locked for a moment, read and written. Never waits.

It is written through the system's cache and never synchronised to the disk: a process that
dies leaves in it what it wrote, and what a power cut takes is older than the next start.

A ledger that was replaced by an older copy would let tokens through twice. So each writing is
stamped with its time, and the file system's own time of the last change has to agree.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import time
from collections.abc import Callable
from math import inf
from pathlib import Path

from ...errors import QuotaUnavailable
from .._core.loops import call_after_fork
from . import opening
from .format import LARGEST, Contents, Damaged, Foreign, file_size, is_body_of
from .owner import boot_clock, boot_id, time_namespace
from .section import Section

log = logging.getLogger("aiocapdist")

ATTEMPTS = 3  # to get the lock: its owner needs some microseconds
TOLERANCE = 0.05
"""Seconds between a stamp and the file system's time: its clock ticks more coarsely than ours."""


class LedgerFile:
    """The section of one call in one file.

    ``span`` is how long a token may have to expire; ``cold`` how long nothing is granted if it
    is not known what was spent.
    """

    def __init__(
        self,
        path: Path,
        call: str,
        limit: int,
        period: float,
        *,
        span: float,
        cold: float,
        mode: int = 0o600,
    ) -> None:
        self._descriptor = -1
        self._identity = (0, 0)
        self.path = path
        self.cold_until: float = 0.0
        """Until when nothing is granted, by the machine's clock, as last read."""
        self._call = call
        self._limit = limit
        self._period = period
        self._span = span
        self._cold = cold
        self._mode = mode
        self._boot = boot_id()
        self._time_namespace = time_namespace()
        self._size = file_size(limit)  # as it was last
        # What is known of the tokens, whatever becomes of the file; the bytes of that, if the
        # file is known to hold them; and when the file system says they were written.
        self._contents: Contents | None = None
        self._bytes = b""
        self._changed_at = 0
        self._known_at = -inf
        self._is_marked = False
        self._is_stamped = True
        call_after_fork(self)

    def __del__(self) -> None:
        self.close()

    # ---- there or not

    def check(self) -> None:
        """Validate the file fully, as done once before use. Raises QuotaUnavailable."""
        try:
            self.open()
            opening.check_kind(self.path, self._descriptor)
        except OSError as error:
            raise opening.unusable(self.path, error) from None

    def open(self) -> None:
        """Open the file, or make it. Repeatable. Raises OSError, QuotaUnavailable."""
        if self._descriptor >= 0:
            return
        try:
            self._descriptor = opening.open_ledger(self.path, self._mode)
        except FileNotFoundError:
            contents = self._without_file()
            if contents.cold_until:
                self._warn("was deleted or moved while in use")
            # Giving the file its name changes it once more: it is stamped with the first update.
            data = contents.stamped(contents.body(), inf)
            opening.make_ledger(self.path, data, self._mode)
            self._is_stamped = False
            self._descriptor = opening.open_ledger(self.path, self._mode)
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

    def _without_file(self) -> Contents:
        """Return what a new file is to hold: nothing free if there was one before."""
        contents = self._new_contents()
        if self._contents is not None or opening.was_made(self.path):
            contents.cold_until = boot_clock() + self._cold
        if self._contents is not None:
            contents.merge(self._contents)
        self._section_of(contents)
        return contents

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
            raise opening.unusable(self.path, error) from None
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
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return self._section_of(self._without_file())
        except OSError:
            return None
        try:
            for _ in range(ATTEMPTS):
                if opening.try_lock(descriptor, fcntl.LOCK_SH):
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
            if not opening.try_lock(self._descriptor, fcntl.LOCK_EX):
                continue
            if self._is_in_place():
                return True
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
        changed_at = os.fstat(self._descriptor).st_ctime_ns
        known, self._bytes = self._bytes, b""  # unknown if any of these should fail
        if known and data == known and changed_at == self._changed_at:
            contents = self._contents
            assert contents is not None
        else:
            contents = self._contents_of(data, changed_at / 1e9)
        change(self._section_of(contents))
        packed, body = data, contents.body()
        if not (self._is_stamped and is_body_of(body, data)):
            packed, changed_at = self._write(contents, body, data)
        self._contents, self._bytes, self._size = contents, packed, len(packed)
        self._changed_at, self.cold_until = changed_at, contents.cold_until
        self._known_at = boot_clock()
        if not self._is_marked:
            opening.mark_made(self.path, self._mode)
            self._is_marked = True

    def _write(self, contents: Contents, body: bytes, before: bytes) -> tuple[bytes, int]:
        """Write the body with a stamp. Return all bytes, and the file system's time for them."""
        attempts = ATTEMPTS
        while True:
            attempts -= 1
            # If the file system's clock is another one, a stamp would tell nothing.
            now = opening.wall_clock() if attempts else inf
            packed = contents.stamped(body, now)
            try:
                opening.write_all(self._descriptor, packed)
            except OSError:
                # The disk is full: what was there has its room.
                os.pwrite(self._descriptor, before, 0)
                os.ftruncate(self._descriptor, len(before))
                raise
            changed_at = os.fstat(self._descriptor).st_ctime_ns
            if changed_at / 1e9 - now <= TOLERANCE / 2:
                contents.was_written(now)
                self._is_stamped = True
                return packed, changed_at

    def _read(self, descriptor: int) -> bytes:
        data = os.pread(descriptor, self._size + 1, 0)
        if len(data) > self._size:  # there is another section, perhaps
            data = os.pread(descriptor, LARGEST, 0)
            if len(data) == LARGEST:
                raise opening.unavailable(self.path, "it is far too large", "give it another path")
        return data

    def _contents_of(self, data: bytes, changed_at: float) -> Contents:
        """Return what the file holds, with what else is known of its tokens."""
        try:
            contents = self._unpack(data)
        except Damaged as error:
            contents = self._new_contents()
            self._expire(contents, f"is damaged ({error})")
            os.ftruncate(self._descriptor, file_size(self._limit))
        else:
            if changed_at - contents.written_at > TOLERANCE:
                self._expire(contents, "was replaced, or changed by another program")
        known = self._contents
        if known is not None and (
            known.number != contents.number or known.generation > contents.generation
        ):
            now = boot_clock()
            if contents.cold_until <= now < self._known_at + self._cold:
                self._expire(contents, "was replaced while in use")
            contents.merge(known)
        return contents

    def _expire(self, contents: Contents, what: str) -> None:
        """Grant nothing until all that may have been spent has expired."""
        self._warn(what)
        contents.expire_all(boot_clock() + self._cold)

    def _warn(self, what: str) -> None:
        words = "the ledger %s %s: nothing is granted for %.0f s"
        log.warning(words, self.path, what, self._cold)

    def _unpack(self, data: bytes) -> Contents:
        try:
            contents = Contents.unpack(data)
        except Foreign as error:
            raise opening.unavailable(self.path, str(error), "give it another path") from None
        if contents.boot != self._boot:
            now = boot_clock()
            contents.restarted(self._boot, now, time.time() - now, self._span)
            contents.time_namespace = self._time_namespace
        if contents.time_namespace != self._time_namespace:
            raise opening.unavailable(
                self.path,
                "processes use it whose clock counts otherwise: they are in another time namespace",
                "run all in the same one, or use RedisQuota",
            )
        return contents

    def _section_of(self, contents: Contents) -> Section:
        """Return the call's tokens, made first if there are none. Raises QuotaUnavailable."""
        section = contents.section(self._call)
        numbers = (self._limit, self._period)
        if section is None or (
            numbers != (section.limit, section.period) and section.is_free(boot_clock())
        ):
            return contents.new_section(self._call, *numbers)
        if numbers != (section.limit, section.period):
            raise opening.unavailable(
                self.path,
                f"it is for {section.limit} calls in {section.period:g} s, not {self._limit} in "
                f"{self._period:g} s",
                "give all that share it the same numbers, or another path",
            )
        return section

    def _new_contents(self) -> Contents:
        now = boot_clock()
        contents = Contents(number=secrets.randbits(64), boot=self._boot, epoch=time.time() - now)
        contents.time_namespace = self._time_namespace
        return contents

    def locked(self) -> QuotaUnavailable:
        """Build the error for a file that another process keeps locked."""
        return opening.locked(self.path)
