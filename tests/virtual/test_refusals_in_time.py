"""Events when OpenD rejects a call although a token was free: another program spends too."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio

import aiocapdist
from aiocapdist import Quota, Unthrottled
from aiocapdist.simulator import Simulator

from .event_log import EventLog, codes, events_logged, now, throttled

pytestmark = pytest.mark.anyio


def sent_at(opend: Simulator, outcome: str = "answered") -> list[float]:
    asked = (request for request in opend.requests if request.proto_id == 3212)
    return [round(request.time, 6) for request in asked if request.outcome == outcome]


@pytest.mark.parametrize(
    ("ago", "tries"),
    [
        (24.0, [0.0, 0.5, 1.5, 3.5, 7.5]),
        (5.0, [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 24.5, 33.5]),
    ],
)
async def test_each_rejection_is_announced_with_its_eta_even_if_a_token_was_free(
    ago: float, tries: list[float]
) -> None:
    """Another program has spent all of the account's 30. The pauses double, up to 9 s;
    the last attempt is answered."""
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota()) as neighbour,
        aiocapdist.connect(opend.memory) as client,
        events_logged(client) as told,
        events_logged(neighbour) as neighbour_told,
    ):
        await neighbour.capital_distributions(codes(30)).collect()
        await trio.sleep(ago)
        began = now()
        await client.capital_distribution("HK.00700")
        refused = sent_at(opend, "refused")
        *expected_refused, answered = [round(began + seconds, 6) for seconds in tries]
        assert refused == expected_refused
        assert client.quota.rejections == len(refused)
        # Each attempt ends the waiting, and begins it again if it is rejected too.
        expected: EventLog = []
        for at, again in pairwise([*refused, answered]):
            expected.append((at, throttled(again - at, rejected=True)))
            expected.append((again, Unthrottled()))
        assert told == expected
        assert neighbour_told == [], "it has another quota"


async def test_rejections_that_come_together_are_announced_once() -> None:
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota()) as neighbour,
        aiocapdist.connect(opend.memory) as client,
        events_logged(client) as told,
    ):
        await neighbour.capital_distributions(codes(20, start=5000)).collect()
        began = now()
        await client.capital_distributions(codes(30)).collect()
        # All 30 were sent at once; 20 of them were too many, and no token is left to try again.
        assert sent_at(opend, "refused") == [began] * 20
        gone = round(began + 30.05, 6)
        assert min(at for at in sent_at(opend) if at > began) == gone
        assert told == [
            (began, throttled(30.05, 20, rejected=True)),
            (max(sent_at(opend)), Unthrottled()),
        ]
