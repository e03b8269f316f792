"""The quota of clients that were given none: one for each OpenD, shared by this process."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, MutableMapping
from weakref import WeakKeyDictionary

from .quota import Quota, scheduler_of

log = logging.getLogger("aiocapdist")

_lock = threading.Lock()


def _after_fork() -> None:
    """Replace the lock: a thread that is not in the child may have held it."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch; not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_after_fork)

_by_address: dict[str, list[tuple[str, Quota]]] = {}
_by_opener: WeakKeyDictionary[object, list[tuple[str, Quota]]] = WeakKeyDictionary()


def default_quota(opend: object, server: str = "", new_quota: Callable[[], Quota] = Quota) -> Quota:
    """Return the quota that all clients of this OpenD share if they were given none.

    ``opend`` is its address, or the object that opens streams to it; ``server`` is where the
    quota is kept, if that is not this process. The quota outlives its
    clients and their event loops, so a program that connects again knows what was spent. Clients
    on two event loops that run at the same time cannot share one: the second loop gets another,
    with a warning.
    """
    known: (
        MutableMapping[str, list[tuple[str, Quota]]]
        | MutableMapping[object, list[tuple[str, Quota]]]
    )
    known = _by_address if isinstance(opend, str) else _by_opener
    with _lock:
        quotas = known.setdefault(opend, [])  # type: ignore[arg-type]
        same = [quota for where, quota in quotas if where == server]
        for quota in same:
            if not scheduler_of(quota).in_use_elsewhere:
                return quota
        if same and not server:
            log.warning(
                "clients on two event loops of this process call %s, and each loop counts its "
                "calls alone; give them a FileQuota of one path",
                opend,
            )
        quota = new_quota()
        quotas.append((server, quota))
        return quota


def forget_default_quota(opend: str) -> None:
    """Start over with an OpenD that is another one now, at the same address."""
    with _lock:
        _by_address.pop(opend, None)


def forget_default_quotas() -> None:
    """Start over, as a new process would. For tests."""
    with _lock:
        _by_address.clear()
        _by_opener.clear()
