"""Promise 20: no secret escapes, whatever goes wrong on the way.

Every fault that the simulator knows meets a call, and then a handshake, on each transport that
has secrets. All that a user can see of it is searched for sentinel keys, as in
tests/_connection/test_secrets.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import anyio
import pytest

from aiocapdist import AiocapdistError, Client, Quota
from aiocapdist.simulator import Fault, Faults, Simulator

from ..support import transports
from ..support.loops import STEPPED_LOOPS
from ..support.secret_scan import WS_SENTINEL, Observer
from ..support.transports import TRANSPORTS, Transport
from ..support.waiting import Call, until
from .interrupting import SCALE

pytestmark = pytest.mark.anyio
WITH_SECRETS = [
    transport
    for transport in TRANSPORTS
    if (transport.cipher or transport.handshake_proto_id == 1)
    and (SCALE > 1 or transport.cipher != "ftaes-ecb")
]
UNANSWERED = {Fault.DROP, Fault.REORDER, Fault.WRONG_SERIAL, Fault.WRONG_ID, Fault.SILENT}
"""Without an answer: the connection is cut after these, so that no call waits for a timeout."""
HARMLESS = {Fault.DUPLICATE, Fault.PUSH, Fault.PUSH_FLOOD, Fault.DELAY, Fault.REFUSE}
"""A call is answered in spite of these."""


@pytest.fixture(autouse=True)
def sentinels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "WEBSOCKET_KEY", WS_SENTINEL)
    monkeypatch.setattr("aiocapdist._protocol.backoff.LONGEST", 0.01)


class Script:
    """A schedule of faults for the simulator, set one fault at a time."""

    def __init__(self) -> None:
        self.next: Fault | None = None

    def __iter__(self) -> Iterator[Fault | None]:
        while True:
            fault, self.next = self.next, None
            yield fault


async def run_with_fault(
    fault: Fault, faults: Faults, opend: Simulator, observer: Observer, operation: Any, *args: Any
) -> bool:
    """Run the operation until the fault was played and it has ended. True if it failed."""
    async with anyio.create_task_group() as group:
        call = Call(group, operation, *args)
        await until(lambda: faults.played[fault])
        if fault in UNANSWERED:
            opend.disconnect_all()
        try:
            observer.record(await call.value())
        except AiocapdistError as error:
            observer.errors.append(error)
            return True
    return False


@pytest.mark.parametrize("anyio_backend", STEPPED_LOOPS)
@pytest.mark.parametrize("transport", WITH_SECRETS, ids=str)
async def test_no_secret_is_shown_when_a_call_meets_a_fault(
    transport: Transport, anyio_backend: Any, observer: Observer
) -> None:
    script = Script()
    faults = Faults(script=script, delay=(0.01, 0.01), flood=5, away=0.01)
    with anyio.fail_after(30):
        async with (
            transport.simulator(faults=faults, quota=None) as opend,
            transport.connect(opend, quota=Quota(1000, 0.3), attempts=1) as client,
        ):
            events = client.events()
            for fault in Fault:
                script.next = fault
                call = client.capital_distribution, "HK.00700"
                failed = await run_with_fault(fault, faults, opend, observer, *call)
                assert failed is (fault not in HARMLESS | not_applicable(transport)), fault
                observer.record(client, client.status, client.quota, opend)
                opend.disconnect_all()  # whatever state the connection is in
                reconnects = client.status.reconnects
                await until(partial(reconnected, client, reconnects))
            await events.aclose()
            observer.record(events, *opend.requests)
    observer.assert_no_secret_shown()


@pytest.mark.parametrize("anyio_backend", STEPPED_LOOPS)
@pytest.mark.parametrize("transport", WITH_SECRETS, ids=str)
async def test_no_secret_is_shown_when_a_handshake_meets_a_fault(
    transport: Transport, anyio_backend: Any, observer: Observer
) -> None:
    script = Script()
    faults = Faults(script=script, handshake=True, delay=(0.01, 0.01), flood=5, away=0.01)
    with anyio.fail_after(30):
        async with transport.simulator(faults=faults) as opend:
            for fault in Fault:
                script.next = fault
                connecting = transport.connect(opend)
                await run_with_fault(fault, faults, opend, observer, enter, connecting)
                observer.record(connecting, opend, *opend.requests)
                await opend.come_back()  # at once, not after the fault's delay
    assert len(observer.errors) > len(Fault) / 2
    observer.assert_no_secret_shown()


def reconnected(client: Client, before: int) -> bool:
    return client.status.reconnects > before


async def enter(connecting: Any) -> Any:
    async with connecting as client:
        return client, client.status


def not_applicable(transport: Transport) -> set[Fault]:
    """Return the faults that this transport cannot have."""
    return {Fault.BAD_DIGEST} if transport.handshake_proto_id == 1 else set()
