"""The check of the quota that calls are spent from: readable, free, and who spends it."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import QuotaUnavailable
from ...quota._core.snapshot import QuotaSnapshot
from ..options import QuotaOptions, default_quota_file, redis_url
from . import findings as check
from .findings import Finding

_NO_FILE = "there is no such file"


async def check_quota(options: QuotaOptions, address: str) -> Finding:
    """Look at the quota without spending from it. Raises ValueError for wrong options."""
    if options.quota == "none":
        options.make_quota(address)  # raises if another option names a quota
        return Finding(check.QUOTA, "skipped", "each run counts its own calls: --quota none")
    redis = redis_url(options.quota_file, options.quota_redis, options.quota_key)
    try:
        if redis is not None:
            from ...quota._redis.snapshot import snapshot_of_server

            return _standing(await snapshot_of_server(redis, options.quota_key))
        file = options.quota_file or default_quota_file(address)
        if file is None:
            text = "this system has no quota file: each run counts its own calls"
            return Finding(check.QUOTA, "skipped", text)
        from ...quota._file.quota import refuse_windows

        refuse_windows(file)
        from ...quota._file.snapshot import snapshot_of_file

        return _standing(snapshot_of_file(file))
    except QuotaUnavailable as error:
        return _unavailable(error, options)


def _standing(snapshot: QuotaSnapshot) -> Finding:
    numbers = f"{snapshot.limit} calls in {snapshot.period:g} s"
    text = f"{snapshot.where}: {snapshot.free} of {numbers} are free"
    owners = [each.program or each.owner or "unknown" for each in snapshot.owners]
    if owners:
        text += f"; the others are of {', '.join(dict.fromkeys(owners))}"
    data = {"free": snapshot.free, "limit": snapshot.limit, "rejections": snapshot.rejections}
    if snapshot.unknown_for:
        text += f"; what was spent is not known: none is granted for {snapshot.unknown_for:.0f} s"
        return Finding(check.QUOTA, "warning", text, "wait: it mends itself", data)
    if snapshot.rejections:
        text += f"; OpenD has rejected {snapshot.rejections} calls so far"
        advice = "let all programs of this account share one quota: another one spends too"
        return Finding(check.QUOTA, "warning", text, advice, data)
    return Finding(check.QUOTA, "ok", text, data=data)


def _unavailable(error: QuotaUnavailable, options: QuotaOptions) -> Finding:
    if error.reason.startswith("there is none"):  # on a Redis server
        return Finding(check.QUOTA, "ok", f"{error.where}: {error.reason}; the first call makes it")
    if error.reason != _NO_FILE:
        return Finding(check.QUOTA, "failed", f"{error.where}: {error.reason}", error.hint)
    if _can_be_made(Path(error.where).parent, its_folder_too=options.quota_file is None):
        text = f"{error.where} does not exist yet: the first call makes it"
        return Finding(check.QUOTA, "ok", text)
    text = f"{error.where} cannot be made: there is no folder that can be written"
    return Finding(check.QUOTA, "failed", text, "name a file in another folder: --quota-file")


def _can_be_made(folder: Path, *, its_folder_too: bool) -> bool:
    """True if a file can be made in this folder; the command makes the folder of its own file."""
    if its_folder_too:
        folder = next(each for each in (folder, *folder.parents) if each.exists())
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
