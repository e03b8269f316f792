"""Sweeps, watches and events, to iterate over without asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .._client import guesses, sweep, watch
from ..errors import ClientClosed
from ..events import Event
from ..models import Change, Outcome, Security, SweepResult
from ._loop_thread import LoopThread

T = TypeVar("T")
NOT_COLLECTED = guesses.sweep_names("client.capital_distributions(codes).collect()")


class Iteration(Iterator[T], Generic[T]):
    """One iteration. Dropping it, as ``break`` does, ends it; Ctrl-C interrupts its waiting.

    It keeps its client from being dropped.
    """

    def __init__(self, thread: LoopThread, reader: AsyncIterator[T], client: object) -> None:
        self._thread = thread
        self._reader = reader
        self._client = client

    def __next__(self) -> T:
        try:
            return self._thread.run(self._reader.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None


class EventIteration(Iteration[Event]):
    """Events of a client, until it is closed."""

    def __next__(self) -> Event:
        try:
            return super().__next__()
        except ClientClosed:
            raise StopIteration from None


class Sweep:
    """The figures of many securities: iterate over them as they come, or :meth:`collect`. Once."""

    def __init__(self, thread: LoopThread, sweep: sweep.Sweep, client: object) -> None:
        self._thread = thread
        self._sweep = sweep
        self._client = client

    def __iter__(self) -> Iteration[Outcome]:
        return Iteration(
            self._thread, self._thread.call_on_loop(self._sweep.__aiter__), self._client
        )

    if not TYPE_CHECKING:
        __getitem__ = guesses.use_instead(NOT_COLLECTED["values"])

        def __getattr__(self, name: str) -> Any:
            raise guesses.named_otherwise(self, name, NOT_COLLECTED)

    @guesses.explain_arguments(guesses.COLLECT_ARGUMENTS)
    def collect(self) -> SweepResult:
        """Return all outcomes, in the order of the codes given."""
        return self._thread.run(self._sweep.collect)

    def close(self) -> None:
        """Leave the sweep: no further token is spent for it. Repeatable."""
        with suppress(ClientClosed):  # it has ended with its client
            self._thread.run(self._sweep.aclose)


class Watch:
    """Changes of many securities' figures: ``for change in client.watch(codes)``.

    Asks while it is iterated, and each iteration gets all changes, as with
    :class:`aiocapdist.Watch`.
    """

    def __init__(self, thread: LoopThread, watch: watch.Watch, client: object) -> None:
        self._thread = thread
        self._watch = watch
        self._client = client

    def __repr__(self) -> str:
        return repr(self._watch)

    def __iter__(self) -> Iteration[Change]:
        return Iteration(
            self._thread, self._thread.call_on_loop(self._watch.__aiter__), self._client
        )

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes, in the order in which they were added."""
        return self._thread.call(lambda: self._watch.codes)

    @property
    def round_time(self) -> float | None:
        """Seconds that the last whole round took; None until the first is over."""
        return self._thread.call(lambda: self._watch.round_time)

    def add(self, codes: Iterable[str | Security]) -> None:
        """Watch these codes too. Raises InvalidCode if one is not valid; then none is added."""
        self._thread.call(self._watch.add, drawn(codes))

    def discard(self, codes: Iterable[str | Security]) -> None:
        """Watch these codes no more; their unread changes are dropped."""
        self._thread.call(self._watch.discard, drawn(codes))

    def close(self) -> None:
        """End every iteration of this watch. Repeatable."""
        with suppress(ClientClosed):  # it has ended with its client
            self._thread.run(self._watch.aclose)


def drawn(codes: Iterable[str | Security]) -> Iterable[str | Security]:
    """Draw the codes of an iterator here: in the loop's thread, what it does could fail."""
    given = isinstance(codes, Collection) or not isinstance(codes, Iterable)
    return codes if given else list(codes)
