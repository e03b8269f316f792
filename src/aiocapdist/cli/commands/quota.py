"""``aiocapdist quota``: who holds which tokens of a shared quota, and when they are free."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ...errors import QuotaUnavailable
from ..exit_codes import NOT_REACHED, OK, USAGE
from ..formats import Format, chosen_format
from ..language import tr
from ..options import AddressOptions, RedisUrl, default_quota_file, redis_url
from ..streams import output_to, report, report_log_records, write

if TYPE_CHECKING:
    from ...quota._core.snapshot import QuotaSnapshot


def quota(
    *,
    opend: AddressOptions | None = None,
    file: Path | None = None,
    redis: RedisUrl = None,
    key: str | None = None,
    format: Format | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    output: Path | None = None,
) -> int:
    """Show a shared quota: who holds which tokens, and when the next is free.

    Parameters
    ----------
    file
        Show the quota in this file.
    redis
        Show the quota on this Redis server: redis://host:6379/0.
    key
        Redis key of the quota; needed only if the server has several.
    format
        table (the default), json, jsonl (on one line), csv (a header and a row, without owners).
    json
        The same as --format json.
    output
        Write to this file instead of standard output.
    """
    report_log_records()
    try:
        chosen = chosen_format(format, json)
        redis = redis_url(file, redis, key)
        if redis is None and (file := file or _own_file(opend)) is None:
            report(tr("no quota given; try: aiocapdist quota --file PATH, or --redis URL"))
            return USAGE
        snapshot = _snapshot(file, redis, key)
        with output_to(output):
            _show(snapshot, chosen)
    except (ValueError, ModuleNotFoundError) as error:
        report(str(error))
        return USAGE
    except QuotaUnavailable as error:
        report(str(error))
        return NOT_REACHED
    return OK


def _own_file(opend: AddressOptions | None) -> Path | None:
    """Return the file that the user's runs of ``get`` share for this OpenD."""
    return default_quota_file((opend or AddressOptions()).opend)


def _snapshot(file: Path | None, redis: str | None, key: str | None) -> QuotaSnapshot:
    if file is not None:
        from ...quota._file.quota import refuse_windows

        refuse_windows(file)
        from ...quota._file.snapshot import snapshot_of_file

        return snapshot_of_file(file)
    assert redis is not None
    import anyio

    from ...quota._redis.snapshot import snapshot_of_server

    return anyio.run(snapshot_of_server, redis, key)


def _show(snapshot: QuotaSnapshot, format: Format) -> None:
    if format == "table":
        from ..quota_table import render_snapshot

        write(render_snapshot(snapshot))
        return
    from ..output import print_csv, print_json

    record = asdict(snapshot)
    if format == "csv":
        del record["owners"]
        print_csv(list(record), record)
    else:
        print_json(record, indent=2 if format == "json" else None)
