"""The check of the quota that calls are spent from: readable, free, and who spends it."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import QuotaUnavailable
from ...quota._core.snapshot import QuotaSnapshot
from ..language import tr
from ..options import QuotaOptions, default_quota_file, redis_url
from . import findings as check
from .findings import Finding

_NO_FILE = "there is no such file"


async def check_quota(options: QuotaOptions, address: str) -> Finding:
    """Look at the quota without spending from it. Raises ValueError for wrong options."""
    if options.quota == "none":
        options.make_quota(address)  # raises if another option names a quota
        return Finding(check.QUOTA, "skipped", tr("each run counts its own calls: --quota none"))
    redis = redis_url(options.quota_file, options.quota_redis, options.quota_key)
    try:
        if redis is not None:
            from ...quota._redis.snapshot import snapshot_of_server

            return _standing(await snapshot_of_server(redis, options.quota_key))
        file = options.quota_file or default_quota_file(address)
        if file is None:
            text = tr("this system has no quota file: each run counts its own calls")
            return Finding(check.QUOTA, "skipped", text)
        from ...quota._file.quota import refuse_windows

        refuse_windows(file)
        from ...quota._file.snapshot import snapshot_of_file

        return _standing(snapshot_of_file(file))
    except QuotaUnavailable as error:
        return _unavailable(error, options)


def _standing(snapshot: QuotaSnapshot) -> Finding:
    text = tr(
        "{where}: {free} of {limit} calls in {period:g} s are free",
        where=snapshot.where,
        free=snapshot.free,
        limit=snapshot.limit,
        period=snapshot.period,
    )
    owners = [each.program or each.owner or tr("unknown") for each in snapshot.owners]
    if owners:
        text += tr("; the others are of {owners}", owners=tr(", ").join(dict.fromkeys(owners)))
    data = {"free": snapshot.free, "limit": snapshot.limit, "rejections": snapshot.rejections}
    if snapshot.unknown_for:
        text += tr(
            "; what was spent is not known: none is granted for {seconds:.0f} s",
            seconds=snapshot.unknown_for,
        )
        return Finding(check.QUOTA, "warning", text, tr("wait: it repairs itself"), data)
    if snapshot.rejections:
        text += tr("; OpenD has rejected {count} calls so far", count=snapshot.rejections)
        advice = tr("let all programs of this account share one quota: another one spends too")
        return Finding(check.QUOTA, "warning", text, advice, data)
    return Finding(check.QUOTA, "ok", text, data=data)


def _unavailable(error: QuotaUnavailable, options: QuotaOptions) -> Finding:
    if error.reason.startswith("there is none"):  # on a Redis server
        text = tr(
            "{where}: {reason}; the first call creates it", where=error.where, reason=error.reason
        )
        return Finding(check.QUOTA, "ok", text)
    if error.reason != _NO_FILE:
        return Finding(check.QUOTA, "failed", f"{error.where}: {error.reason}", error.hint)
    if _can_be_made(Path(error.where).parent, its_folder_too=options.quota_file is None):
        text = tr("{where} does not exist yet: the first call creates it", where=error.where)
        return Finding(check.QUOTA, "ok", text)
    text = tr("{where} cannot be created: no folder there can be written", where=error.where)
    return Finding(check.QUOTA, "failed", text, tr("name a file in another folder: --quota-file"))


def _can_be_made(folder: Path, *, its_folder_too: bool) -> bool:
    """True if a file can be made in this folder; the command makes the folder of its own file."""
    if its_folder_too:
        folder = next(each for each in (folder, *folder.parents) if each.exists())
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
