"""Recordings: figures kept in a database, read back in order of time, exported, replayed.

::

    async with Recording("day.sqlite") as recording:
        await recording.add(await client.capital_distribution("HK.00700"))

Needs the extra ``store``; a recording in PostgreSQL needs ``postgres``.
"""

from __future__ import annotations

from .._extras import needs_extra
from .._lazy import publish

with needs_extra("store", "aiocapdist.recording"):
    from .recording import Recording

__all__ = ["Recording"]
publish("aiocapdist.recording", globals())
