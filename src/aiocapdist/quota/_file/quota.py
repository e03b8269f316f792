"""One quota for all processes of a machine, in a small file."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from ...errors import QuotaUnavailable
from .._core.quota import Quota, check_numbers

MODES = frozenset(0o600 | others for others in range(0o100) if others & 0o11 == 0)


class FileQuota(Quota):
    """A :class:`Quota` for any number of processes of one machine, which outlives them.

    All that name the same ``path`` share the tokens, and a process that starts knows what
    earlier ones spent. What is spent is written before it is sent. A process that dies at
    any moment frees no token early; others notice within a second, and a period later its last
    token is free. The processes do not share one queue, but while others wait none takes
    all, and a single free token is left to the one that waits longest. Needs Linux or macOS,
    and a local disk: for several machines there is ``RedisQuota``.

    The file is made when a client first uses it, a few KiB; looking at the quota makes none.
    If it is deleted or moved away, those that use it go on in a new one, with what they
    knew. To start over, stop all that use it, wait a period and delete it. Times are of the
    machine's own clock since its start; after a restart of the machine a period is waited out
    at most.

    A damaged file is logged, and nothing is granted until all that may have been spent has
    expired. If the file can no longer be used later, calls wait, and QuotaDegraded and
    QuotaRestored tell (:class:`aiocapdist.events.QuotaDegraded`).

    :param path: The file.
    :param limit: As in :class:`Quota`, and so are ``period``, ``reserve`` and ``margin``. All
        that share a file give the same ``limit`` and ``period``.
    :param mode: Permissions of a new file.
    :raises ValueError: As by :class:`Quota`, or a ``mode`` that its owner could not use.
    :raises QuotaUnavailable: When connecting: the file cannot be used, is something else, or has
        other numbers. It is left as it is.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        limit: int = 30,
        period: float = 30.0,
        *,
        reserve: int = 0,
        margin: float = 0.05,
        mode: int = 0o600,
    ) -> None:
        check_numbers(limit, period, reserve, margin)
        if mode not in MODES:
            raise ValueError(f"mode must be 0o600, or 0o6 and what others may do, not {mode!r}")
        refuse_windows(path)
        from .store import FileStore

        self.path: Path = Path(path).expanduser().absolute()
        """The ledger file."""
        new_store = partial(
            FileStore, self.path, limit=limit, period=float(period), margin=margin, mode=mode
        )
        self._set_up(limit, period, reserve, margin, new_store)


def refuse_windows(path: str | os.PathLike[str]) -> None:
    """Raise QuotaUnavailable on Windows, for the one thing that is missing there.

    The ledger relies on ``fcntl.flock``: a lock on an open file that the system ends with the
    process, whatever ends it. A port would need ``msvcrt.locking``, another way to tell whether
    a process is alive, and a clock that all processes share.
    """
    if sys.platform == "win32":
        raise QuotaUnavailable(
            str(path), "Windows has no lock of the kind it needs", "use RedisQuota there"
        )
