"""Promise 20: no secret escapes, whatever goes wrong on the way.

Every fault that the simulator knows meets a call, and then a hand-shake, at the doors that have
secrets. All that a user can see of it is searched for sentinel keys, as in
tests/_connection/test_secrets.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from aiocapdist import AiocapdistError, Quota
from aiocapdist.simulator import Fault, Faults, Simulator

from .._connection.test_secrets import observer
from ..support import transports
from ..support.secret_scan import WS_SENTINEL, Observer
from ..support.transports import TRANSPORTS, Transport
from ..support.waiting import Call, until
from .test_cancelling_everywhere import SCALE, STEPPED

__all__ = ["witness"]
pytestmark = pytest.mark.anyio
SECRETIVE = [
    transport for transport in TRANSPORTS if transport.cipher or transport.name in ("ws", "wss")
]
if SCALE == 1:
    SECRETIVE = [transport for transport in SECRETIVE if transport.cipher != "ftaes-ecb"]
STUCK = {Fault.DROP, Fault.REORDER, Fault.WRONG_SERIAL, Fault.WRONG_ID, Fault.SILENT}
"""After these no answer comes: the connection is cut, so that nobody waits for a timeout."""
HARMLESS = {Fault.DUPLICATE, Fault.PUSH, Fault.PUSH_FLOOD, Fault.DELAY, Fault.REFUSE}
"""After these there is an answer all the same."""


@pytest.fixture(autouse=True)
def sentinels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "WEBSOCKET_KEY", WS_SENTINEL)
    monkeypatch.setattr("aiocapdist._protocol.backoff.CEILING", 0.01)


class Script:
    """One fault at a time: what the simulator's schedule is read from."""

    def __init__(self) -> None:
        self.next: Fault | None = None

    def __iter__(self) -> Iterator[Fault | None]:
        while True:
            fault, self.next = self.next, None
            yield fault


async def meet(
    fault: Fault, faults: Faults, opend: Simulator, observer: Observer, operation: Any, *args: Any
) -> bool:
    """The operation meets the fault, and ends; whether it failed."""
    async with anyio.create_task_group() as group:
        call = Call(group, operation, *args)
        await until(lambda: faults.played[fault])
        if fault in STUCK:
            opend.disconnect_all()
        try:
            observer.record(await call.value())
        except AiocapdistError as error:
            observer.errors.append(error)
            return True
    return False


@pytest.mark.parametrize("anyio_backend", STEPPED)
@pytest.mark.parametrize("transport", SECRETIVE, ids=str)
async def test_nothing_is_shown_by_a_call_that_any_fault_meets(
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
                failed = await meet(fault, faults, opend, observer, *call)
                assert failed is (fault not in HARMLESS | unknown_at(transport)), fault
                observer.record(client, client.status, client.quota, opend)
                opend.disconnect_all()  # whatever state it is in by now
                reconnects = client.status.reconnects
                await until(lambda n=reconnects: client.status.reconnects > n)
            await events.aclose()
            observer.record(events, *opend.requests)
    observer.assert_no_secret_shown()


@pytest.mark.parametrize("anyio_backend", STEPPED)
@pytest.mark.parametrize("transport", SECRETIVE, ids=str)
async def test_nothing_is_shown_by_a_hand_shake_that_any_fault_meets(
    transport: Transport, anyio_backend: Any, observer: Observer
) -> None:
    script = Script()
    faults = Faults(script=script, handshake=True, delay=(0.01, 0.01), flood=5, away=0.01)
    with anyio.fail_after(30):
        async with transport.simulator(faults=faults) as opend:
            for fault in Fault:
                script.next = fault
                connecting = transport.connect(opend)
                await meet(fault, faults, opend, observer, enter, connecting)
                observer.record(connecting, opend, *opend.requests)
                await opend.come_back()  # sooner than it would by itself
    assert len(observer.errors) > len(Fault) / 2
    observer.assert_no_secret_shown()


async def enter(connecting: Any) -> Any:
    async with connecting as client:
        return client, client.status


def unknown_at(transport: Transport) -> set[Fault]:
    """Faults of the TCP door's own."""
    return {Fault.BAD_DIGEST} if transport.handshake_proto_id == 1 else set()
