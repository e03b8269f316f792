"""Fixtures for tests of the web application: an OpenD, a client, and the application of both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from starlette.applications import Starlette

import aiocapdist
from aiocapdist import Client
from aiocapdist.simulator import Simulator
from aiocapdist.web import create_app

from ..support.market_hours import SetClock

CODES = ["HK.00700", "HK.00005"]


@pytest.fixture
def clock() -> SetClock:
    """The simulator's clock: a morning in Hong Kong, at which it stands still."""
    return SetClock()


@pytest.fixture
async def opend(clock: SetClock) -> AsyncIterator[Simulator]:
    async with Simulator(language="en", now=clock, quota=None) as simulator:
        yield simulator


@pytest.fixture
async def client(opend: Simulator) -> AsyncIterator[Client]:
    quota = aiocapdist.Quota(10_000, 1.0)
    async with aiocapdist.connect(port=opend.port, quota=quota) as client:
        yield client


@pytest.fixture
def app(client: Client) -> Starlette:
    """Without a lifespan: nothing is asked unless a visitor wants it."""
    return create_app(client, CODES, every=0.05)


@pytest.fixture
def asked(opend: Simulator) -> Callable[[], list[str | None]]:
    """The codes that OpenD was asked for."""
    return lambda: [one.code for one in opend.requests if one.proto_id == 3212]
