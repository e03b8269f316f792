"""``client.request`` with a quota of its own, on virtual time: its queue, tokens and clock."""

from __future__ import annotations

import anyio
import pytest
import trio
from google.protobuf.message import Message

import aiocapdist
from aiocapdist import ConnectionLost, Quota, RequestTimeout
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist._transports.memory import MemoryListener
from aiocapdist.simulator import Simulator
from aiocapdist.simulator._rate_window import RateWindow

from ..support.custom_call import PROTO_ID, Response, double, request_message
from ..support.internals import tokens
from ..support.scripted_server import ScriptedServer, error_reply, figures_reply
from ..support.waiting import Call

pytestmark = pytest.mark.anyio


class Counting:
    """Answers as OpenD does for a call that it counts: at most this many in any closed window."""

    def __init__(self, limit: int, period: float) -> None:
        self.answered: list[float] = []
        self.refused: list[float] = []
        self._window = RateWindow(limit, period)

    def __call__(self, body: bytes) -> Message:
        now = trio.current_time()
        if not self._window.accept(now):
            self.refused.append(now)
            return error_reply(-1, "接口频率太高")
        self.answered.append(now)
        return double(body)


async def answers(calls: list[Call]) -> list[int]:
    """Return the answers to all calls, which only this quota's timer can grant."""
    with anyio.fail_after(1000.0):
        return sorted([(await call.value()).s2c.time for call in calls])


async def test_a_quota_given_to_a_request_limits_its_calls() -> None:
    quota, counting = Quota(2, 10.0), Counting(2, 10.0)
    async with (
        Simulator(answers={PROTO_ID: counting}) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        began = trio.current_time()
        calls = [
            Call(group, client.request, PROTO_ID, request_message(n), Response, quota=quota)
            for n in range(5)
        ]
        await trio.testing.wait_all_tasks_blocked()
        assert (quota.available, quota.waiting, tokens(quota)) == (0, 3, (0, 0, 2))
        assert quota.eta() == pytest.approx(20.1), "three are before it, sent two at a time"
        assert await answers(calls) == [0, 2, 4, 6, 8]
        times = [at - began for at in counting.answered]
        assert times == pytest.approx([0.0, 0.0, 10.05, 10.05, 20.1])
        assert not counting.refused
        assert client.quota.available == 30, "the client's own quota is another"
        await trio.sleep(10.06)
        assert (quota.available, tokens(quota)) == (2, (2, 0, 0))


async def test_a_rejected_call_is_queued_again_and_answered() -> None:
    """OpenD allows 1 in 10 s, the quota 3: no caller gets an error, and no token is lost."""
    quota, counting = Quota(3, 10.0), Counting(1, 10.0)
    async with (
        Simulator(answers={PROTO_ID: counting}) as opend,
        aiocapdist.connect(opend.memory, attempts=1) as client,
        anyio.create_task_group() as group,
    ):
        calls = [
            Call(group, client.request, PROTO_ID, request_message(n), Response, quota=quota)
            for n in range(4)
        ]
        await trio.testing.wait_all_tasks_blocked()
        assert (quota.rejections, quota.waiting, quota.available) == (2, 3, 0)
        assert tokens(quota) == (0, 0, 3)
        assert await answers(calls) == [0, 2, 4, 6]
        assert quota.rejections == len(counting.refused)
        assert client.quota.rejections == 0
        await trio.sleep(1000.0)
        assert (quota.available, tokens(quota)) == (3, (3, 0, 0))


async def test_a_quota_of_two_clients_works_on_after_the_first_client_is_closed() -> None:
    quota, counting = Quota(1, 10.0), Counting(1, 10.0)
    async with (
        Simulator(answers={PROTO_ID: counting}) as opend,
        aiocapdist.connect(opend.memory) as stays,
        anyio.create_task_group() as group,
    ):
        began = trio.current_time()
        async with aiocapdist.connect(opend.memory) as goes:
            await goes.request(PROTO_ID, request_message(1), Response, quota=quota)
            late = Call(group, stays.request, PROTO_ID, request_message(2), Response, quota=quota)
            await trio.sleep(3.0)
            assert (quota.waiting, quota.available) == (1, 0)
        assert await answers([late]) == [4]
        assert trio.current_time() - began == pytest.approx(10.05)
        await stays.request(PROTO_ID, request_message(3), Response, quota=quota)
        assert trio.current_time() - began == pytest.approx(20.1)
        assert not counting.refused


async def test_a_quota_expires_on_while_no_client_uses_it() -> None:
    quota, counting = Quota(1, 10.0), Counting(1, 10.0)
    async with Simulator(answers={PROTO_ID: counting}) as opend:
        for _ in range(3):
            async with aiocapdist.connect(opend.memory) as client:
                await client.request(PROTO_ID, request_message(), Response, quota=quota)
            await trio.sleep(6.0)
        assert not counting.refused


async def test_a_loss_and_a_timeout_settle_the_tokens_of_the_given_quota() -> None:
    quota = Quota(5, 100.0)
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(request_timeout=4.0) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        ask = (client.request, PROTO_ID, request_message(), Response)
        with pytest.raises(RequestTimeout) as late:
            await client.request(PROTO_ID, request_message(), Response, quota=quota)
        assert (late.value.proto_id, late.value.code) == (PROTO_ID, None)
        assert tokens(quota) == (4, 1, 0), "OpenD may still count it"
        lost = Call(group, *ask, quota=quota)
        await trio.testing.wait_all_tasks_blocked()
        assert tokens(quota) == (3, 2, 0)
        await peer.hang_up()
        assert isinstance(await lost.error(), ConnectionLost)
        assert tokens(quota) == (3, 0, 2)
        # A call that gives up in the queue costs no token.
        gone = Call(group, *ask, quota=quota)
        gone.cancel()
        await gone.end()
        assert (quota.waiting, tokens(quota)) == (0, (3, 0, 2))
        group.cancel_scope.cancel()


async def test_a_request_for_3212_waits_for_the_clients_quota() -> None:
    message = capital_distribution_pb2.Request(c2s={"security": {"market": 1, "code": "00700"}})
    text = "Get Capital Distribution is too frequent, request failed"
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(quota=Quota(2, 30.0)) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        began = trio.current_time()
        call = Call(group, client.request, 3212, message, capital_distribution_pb2.Response)
        await peer.reply(await peer.next(), error_reply(-1, text))
        await peer.reply(await peer.next(), figures_reply(5.0))
        assert (await call.value()).s2c.capitalInBig == 5.0
        # It was sent again after the pause for a rejection, with the other token.
        assert trio.current_time() - began == pytest.approx(0.5)
        assert (client.quota.rejections, tokens(client.quota)) == (1, (0, 0, 2))
