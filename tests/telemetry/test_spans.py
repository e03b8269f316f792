"""A span for each call and each sweep, below the caller's own."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest
from opentelemetry.trace import StatusCode

import aiocapdist
from aiocapdist import InvalidCode, Security, sync
from aiocapdist.simulator import Simulator
from aiocapdist.telemetry import instrument

from ..embedding.opend_thread import opend_in_thread
from .collected import Metrics, Spans

pytestmark = pytest.mark.anyio


async def test_each_call_is_a_span_of_its_caller(metrics: Metrics, spans: Spans) -> None:
    tracer = spans.provider.get_tracer("mine")
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            kind = type(client)
            with instrument(client, metrics.provider, spans.provider):
                assert isinstance(client, aiocapdist.Client)
                assert repr(client).startswith("<Client of ")
                with tracer.start_as_current_span("mine") as mine:
                    await client.capital_distribution(Security.parse("HK.00700"))
                    await client.capital_flow(code="HK.00005")
                    await client.global_state()
            assert type(client) is kind
            await client.capital_distribution("HK.00001")
    one, flow, state, _ = spans.ended()
    assert [span.name for span in (one, flow, state)] == [
        "aiocapdist capital_distribution",
        "aiocapdist capital_flow",
        "aiocapdist global_state",
    ]
    assert all(span.parent == mine.get_span_context() for span in (one, flow, state))
    assert dict(one.attributes or {}) == {
        "server.address": "127.0.0.1",
        "server.port": opend.port,
        "rpc.method": "capital_distribution",
        "aiocapdist.code": "HK.00700",
    }
    assert (flow.attributes or {})["aiocapdist.code"] == "HK.00005"


async def test_a_call_that_fails_says_so(metrics: Metrics, spans: Spans) -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with instrument(client, metrics.provider, spans.provider):
                with pytest.raises(InvalidCode):
                    await client.capital_distribution("x")
    (span,) = spans.ended()
    assert (span.attributes or {})["error.type"] == "InvalidCode"
    assert span.status.status_code is StatusCode.ERROR


async def test_a_sweep_is_one_span_until_it_is_left(metrics: Metrics, spans: Spans) -> None:
    codes = ["HK.00001", "HK.00002", "HK.00003"]

    def broken() -> Iterator[str]:
        yield "HK.00001"
        raise ZeroDivisionError

    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with instrument(client, metrics.provider, spans.provider):
                result = await client.capital_distributions(codes)
                assert len(result) == 3
                reader = aiter(client.capital_distributions(codes))
                await anext(reader)
                assert len(spans.ended()) == 1
                await reader.aclose()
                assert len(spans.ended()) == 2
                with pytest.raises(ZeroDivisionError):
                    async for _outcome in client.capital_distributions(broken()):
                        pass
    names = {span.name for span in spans.ended()}
    assert names == {"aiocapdist capital_distributions"}
    assert [span.status.status_code is StatusCode.ERROR for span in spans.ended()] == [
        False,
        False,
        True,
    ]


async def test_two_tracers_end_in_any_order(metrics: Metrics, spans: Spans) -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            kind = type(client)
            first = instrument(client, metrics.provider, spans.provider)
            second = instrument(client, metrics.provider, spans.provider)
            await client.global_state()
            assert len(spans.ended()) == 2
            first.end()
            await client.global_state()
            assert len(spans.ended()) == 3
            second.end()
            assert type(client) is kind


def test_a_blocking_call_is_a_span_of_its_caller(metrics: Metrics, spans: Spans) -> None:
    tracer = spans.provider.get_tracer("mine")
    with opend_in_thread() as opend, sync.connect(port=opend.port) as client:
        with instrument(client, metrics.provider, spans.provider):
            with tracer.start_as_current_span("mine") as mine:
                client.capital_distribution("HK.00700")
    span = spans.ended()[0]
    assert span.name == "aiocapdist capital_distribution"
    assert span.parent == mine.get_span_context()
