"""Reading a recording page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import groupby
from typing import Any, Generic, Self, TypeAlias, TypeVar

from ..models import CapitalDistribution, CapitalFlow
from ._flow_rows import capital_flow, group_of
from ._rows import distribution
from ._store import Key, Page, Row, Span, Store
from ._worker import Worker

_M = TypeVar("_M")
Pages: TypeAlias = Callable[[Store, Key | None], Page]
"""Reads the page after a key, or the first one."""
_Read: TypeAlias = Callable[[Store, Key | None], tuple[list[_M], Key | None]]


class Reader(Generic[_M]):
    """An async iterator over recorded figures. Created by ``read()`` and ``read_flows()``.

    It holds nothing open between two pages, and can be left at any point. A step that was
    cancelled, or failed, can be tried again: nothing is left out.
    """

    def __init__(self, worker: Worker, read: _Read[_M]) -> None:
        self._worker = worker
        self._read = read
        self._ready: deque[_M] = deque()
        self._after: Key | None = None
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _M:
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            # Models are built in the thread too: a thousand would hold up the loop.
            models, after = await self._worker.use(lambda store: self._read(store, self._after))
            self._after = after
            self._ended = after is None
            self._ready.extend(models)
        return self._ready.popleft()


def distribution_pages(span: Span) -> Pages:
    """Return what reads distributions, in order of time."""
    return lambda store, after: store.page(span, after)


def flow_pages(span: Span, period: str | None) -> Pages:
    """Return what reads points of flows, in order of code, period and time."""
    return lambda store, after: store.flow_page(span, period, after)


def distributions(pages: Pages) -> _Read[CapitalDistribution]:
    """Return what reads the figures in each page."""

    def read(store: Store, after: Key | None) -> tuple[list[CapitalDistribution], Key | None]:
        page = pages(store, after)
        return [distribution(row) for row in page.rows], page.after

    return read


def flows(pages: Pages) -> _Read[CapitalFlow]:
    """Return what reads whole flows: as many pages as it takes to end one."""

    def read(store: Store, after: Key | None) -> tuple[list[CapitalFlow], Key | None]:
        rows: list[Row] = []
        groups: list[list[Any]] = []
        while len(groups) < 2:
            page = pages(store, after)
            rows += page.rows
            after = page.after
            groups = [list(group) for _, group in groupby(rows, group_of)]
            if after is None:
                break
        if after is not None:
            groups.pop()  # it may go on in the next page, and is read again with that
            after = tuple(groups[-1][-1][:3])
        return [capital_flow(group) for group in groups], after

    return read
