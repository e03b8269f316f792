"""The experiment on the quota: whose it is, when a request counts, whether refusals do.

With a limit of L requests in P seconds, and no request in the P before:

======================  ==============================================================
at                      is sent
======================  ==============================================================
0                       request 1, from whose sending and reply the next times are
P / 4                   request 2
P / 2                   requests 3 to L: now the quota is spent
P, and half as long as  one more. It is answered if request 1 counts from its arrival,
request 1 took          and refused if it counts from its reply
at once                 one that must be refused, unless the last one was
at once                 one on a second connection, one to a second OpenD
P, after request 2 was  one more. It is answered unless refusals count: since request
answered                2 has left the window, a place is free if they do not
======================  ==============================================================

So each question is decided by one request, and no more than four are refused.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, TypeAlias

import anyio

from ....errors import AiocapdistError
from ...language import tr
from .exchange import Exchange

Ask: TypeAlias = Callable[[bool], Awaitable[Exchange]]
"""Send a request over one connection; True if it waits for the quota."""

Owner: TypeAlias = Literal["connection", "opend", "account", "opend or account"]

LEAST_ROUND_TRIP = 0.01
"""Seconds that a reply must take, or its time cannot be told from that of its request."""


@dataclass
class Evidence:
    """What the experiment has shown so far; None is not known, and ``reasons`` say why."""

    answered: int = 0
    """Number of requests that were answered before the first was refused."""
    refusal: Exchange | None = None
    owner: Owner | None = None
    counted_from: Literal["arrival", "reply"] | None = None
    refusals_count: bool | None = None
    round_trip: float = 0.0
    reasons: dict[str, str] = field(default_factory=dict)


class Experiment:
    """Spends the quota, ``limit`` requests in ``period`` seconds, and some requests more.

    ``first`` and ``second`` ask over two connections to one OpenD, ``other`` at another OpenD
    of the same account, or None.
    """

    def __init__(
        self, first: Ask, second: Ask, other: Ask | None, *, limit: int, period: float
    ) -> None:
        self._first = first
        self._second = second
        self._other = other
        self._limit = limit
        self._period = period
        self._slack = max(period / 30, 0.1)
        """Seconds that clocks and delays may be wrong by."""
        self.evidence: Evidence = Evidence()

    async def run(self) -> None:
        """Run the experiment, in two and a half periods. Raises what asking raises."""
        found = self.evidence
        if self._limit < 3:
            found.reasons["all"] = tr("a quota of fewer than three calls cannot be examined so")
            return
        await anyio.sleep(self._period + self._slack)
        begun = await self._spend()
        if found.refusal is not None:
            text = tr(
                "OpenD refused after {count} calls: another program spends too",
                count=found.answered,
            )
            found.reasons["all"] = text
            await self._find_owner()
            if found.owner == "connection":
                found.owner = None  # or it was the other program's call that left the window
            return
        if begun is None:
            text = tr("the calls took too long: other programs spend from the same quota")
            found.reasons["all"] = text
            return
        first, second = begun
        if await self._find_counted_from(first):
            await self._find_owner()
            if found.refusals_count is None:
                await self._find_refusals_count(second)

    async def _spend(self) -> tuple[Exchange, Exchange] | None:
        """Spend the quota. Return its first two requests; None if that was too slow."""
        first = await self._ask_within()
        start = first.sent
        self.evidence.round_trip = first.round_trip
        await anyio.sleep_until(start + self._period / 4)
        second = await self._ask_within()
        await anyio.sleep_until(start + self._period / 2)
        rest = self._limit - 2
        # One after the other, unless that takes too long.
        at_once = max(1, math.ceil(rest * first.round_trip / (self._period / 4)))
        for sent in count(0, at_once):
            if sent >= rest or self.evidence.refusal is not None:
                break
            await self._ask_together(min(at_once, rest - sent))
        in_time = anyio.current_time() < start + self._period - self._slack
        return (first, second) if in_time else None

    async def _ask_together(self, number: int) -> None:
        """Send this many requests that should be within the quota."""
        errors: list[AiocapdistError] = []

        async def ask() -> None:
            try:
                await self._ask_within()
            except AiocapdistError as error:
                errors.append(error)  # raised below, so that the group does not wrap it

        async with anyio.create_task_group() as group:
            for _ in range(number):
                group.start_soon(ask)
        if errors:
            raise errors[0]

    async def _ask_within(self) -> Exchange:
        """Send a request that should be within the quota."""
        answer = await self._first(True)
        self._note(answer)
        return answer

    async def _find_counted_from(self, first: Exchange) -> bool:
        """Find out from when a request counts. False if no request was refused."""
        found, period = self.evidence, self._period
        told_apart = first.round_trip >= LEAST_ROUND_TRIP
        middle = first.sent + first.round_trip / 2
        late = first.replied + self._slack
        await anyio.sleep_until(period + (middle if told_apart else late))
        answer = await self._ask_past()
        if not told_apart:
            text = tr(
                "replies come within {milliseconds:.1f} ms: too quick to tell apart",
                milliseconds=first.round_trip * 1000,
            )
            found.reasons["counted_from"] = text
        else:
            found.counted_from = "reply" if answer.refused else "arrival"
        if not answer.refused:
            answer = await self._ask_past()
            if not answer.refused:
                text = tr(
                    "{count} calls in {period:g} s were answered: no limit was seen",
                    count=self._limit + 1,
                    period=period,
                )
                found.reasons["all"] = text
                found.counted_from = None
            return answer.refused
        # One refusal has been seen. If it counts, it has taken the place of request 1.
        await anyio.sleep_until(period + late)
        found.refusals_count = (await self._ask_past()).refused
        return True

    async def _find_owner(self) -> None:
        """Find out who has the quota, while it is spent."""
        found = self.evidence
        if not (await self._second(False)).refused:
            found.owner = "connection"
        elif self._other is None:
            found.owner = "opend or account"
        elif (await self._other(False)).refused:
            found.owner = "account"
        else:
            found.owner = "opend"

    async def _find_refusals_count(self, second: Exchange) -> None:
        """Find out whether refused requests count, once request 2 has left the window."""
        await anyio.sleep_until(self._period + second.replied + self._slack)
        self.evidence.refusals_count = (await self._ask_past()).refused

    async def _ask_past(self) -> Exchange:
        """Send a request past the quota."""
        answer = await self._first(False)
        self._note(answer)
        return answer

    def _note(self, answer: Exchange) -> None:
        if answer.refused:
            self.evidence.refusal = self.evidence.refusal or answer
        elif self.evidence.refusal is None:
            self.evidence.answered += 1
