"""Reading a recording page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from ._store import Key, Row, Span, Store
from ._worker import Worker

_M = TypeVar("_M")


class Reader(Generic[_M]):
    """An async iterator over recorded figures, in order of time. Created by ``read()``.

    It holds nothing open between two pages, and can be left at any point. A step that was
    cancelled, or failed, can be tried again: nothing is left out.
    """

    def __init__(self, worker: Worker, span: Span, make: Callable[[Row], _M]) -> None:
        self._worker = worker
        self._span = span
        self._make = make
        self._ready: deque[_M] = deque()
        self._after: Key | None = None
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _M:
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            # Built in the thread, too: a thousand models would hold up the loop.
            models, after = await self._worker.use(self._page)
            self._after = after
            self._ended = after is None
            self._ready.extend(models)
        return self._ready.popleft()

    def _page(self, store: Store) -> tuple[list[_M], Key | None]:
        page = store.page(self._span, self._after)
        return [self._make(row) for row in page.rows], page.after
