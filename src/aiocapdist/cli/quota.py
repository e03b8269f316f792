"""``aiocapdist quota``: who has which tokens of a shared quota, and when they are back."""

from __future__ import annotations

from pathlib import Path

import anyio

from ..errors import QuotaUnavailable
from ..quota._core.snapshot import QuotaSnapshot
from ..quota._file.quota import refuse_windows
from ._exit import NOT_REACHED, OK, USAGE
from ._output import Format
from ._overview import show
from ._say import say
from ._shared import Redis, chosen


def quota(
    *,
    file: Path | None = None,
    redis: Redis = None,
    key: str | None = None,
    format: Format = "table",
) -> int:
    """Show how a shared quota stands: who has which tokens, and when the next is free.

    For example: aiocapdist quota --file capdist.quota

    It only looks: it takes no token and changes nothing.
    Exit codes: 0 shown, 2 wrong usage, 3 there is no such quota or it cannot be read.

    Parameters
    ----------
    file
        Ledger file of a FileQuota.
    redis
        Server of a RedisQuota, such as redis://host:6379/0.
    key
        Its key there; not needed where there is but one of those made of user ids.
    format
        table for people; json, jsonl (on one line), csv (a head and a row, without owners).
    """
    try:
        redis = chosen(file, redis, key)
        if file is None and redis is None:
            say("no quota given; try: aiocapdist quota --file PATH, or --redis URL")
            return USAGE
        show(_look(file, redis, key), format)
    except (ValueError, ModuleNotFoundError) as error:
        say(str(error))
        return USAGE
    except QuotaUnavailable as error:
        say(str(error))
        return NOT_REACHED
    return OK


def _look(file: Path | None, redis: str | None, key: str | None) -> QuotaSnapshot:
    if file is not None:
        refuse_windows(file)
        from ..quota._file.snapshot import snapshot_of_file

        return snapshot_of_file(file)
    assert redis is not None
    from ..quota._redis.snapshot import snapshot_of_server

    return anyio.run(snapshot_of_server, redis, key)
