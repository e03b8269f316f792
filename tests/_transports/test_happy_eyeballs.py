"""Names with several addresses: a silent one does not delay the connection."""

from __future__ import annotations

import math
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version

import anyio
import anyio.lowlevel
import pytest

import aiocapdist
from aiocapdist import ConnectError
from aiocapdist._loop import on_asyncio
from aiocapdist._transports import happy_eyeballs
from aiocapdist._transports.errors import AddressesFailed
from aiocapdist._transports.happy_eyeballs import connect_first, interleave
from aiocapdist._transports.tcp import TcpConnector
from aiocapdist.simulator import Simulator

from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio
LIVE, LIVE_IPV6 = "127.0.0.1", "::1"
SILENT, OTHER_SILENT, REFUSING = "127.0.0.2", "127.0.0.3", "127.0.0.4"


def has_ipv6() -> bool:
    try:
        socket.create_server((LIVE_IPV6, 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


@contextmanager
def silent(port: int, *addresses: str) -> Iterator[None]:
    """Addresses that do not answer at this port: their listener's backlog is full.

    Linux drops connection requests then, as a firewall or a machine that is off does.
    """
    with ExitStack() as stack:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = stack.enter_context(socket.socket(family))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(0)
            for _ in range(3):
                filler = stack.enter_context(socket.socket(family))
                filler.setblocking(False)
                filler.connect_ex((address, port))
        yield


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def getaddrinfo(host: str, port: int, **options: object) -> list[object]:
        assert host == "opend.test"
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(anyio, "getaddrinfo", getaddrinfo)


@asynccontextmanager
async def connected_soon(port: int) -> AsyncIterator[aiocapdist.Client]:
    """Connect long before a silent address would be given up, on a slow machine too."""
    with anyio.fail_after(10) as waiting:
        async with aiocapdist.connect("opend.test", port, connect_timeout=60.0) as opened:
            waiting.deadline = math.inf
            yield opened


async def test_a_silent_address_delays_neither_the_first_connection_nor_a_reconnect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for delay in ("FIRST", "BASE"):
        monkeypatch.setattr(f"aiocapdist._protocol.backoff.{delay}", 0.0)
    with anyio.fail_after(30):
        async with Simulator() as opend:
            with silent(opend.port, SILENT):
                resolve_to(monkeypatch, SILENT, LIVE)
                async with connected_soon(opend.port) as client:
                    await client.global_state()
                    for n in (1, 2):
                        opend.disconnect_all()
                        with anyio.fail_after(10):
                            await until(lambda n=n: client.status.reconnects == n)  # type: ignore[misc]
                        await client.global_state()


@needs_ipv6
@pytest.mark.parametrize(
    "addresses",
    [(LIVE_IPV6, SILENT, LIVE), (SILENT, LIVE_IPV6, LIVE)],
    ids=["::1 first", "127 first"],
)
async def test_a_silent_address_of_either_family_is_passed_over(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with anyio.fail_after(30):
        async with Simulator() as opend:
            with silent(opend.port, LIVE_IPV6, SILENT):
                resolve_to(monkeypatch, *addresses)
                began = anyio.current_time()
                async with connected_soon(opend.port) as client:
                    await client.global_state()
                # Two silent addresses, a quarter of a second each.
                assert anyio.current_time() - began > 2 * happy_eyeballs.DELAY


async def test_the_error_names_each_address_and_what_happened_there(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All are tried at once, so that a busy machine has tried each of them in time.
    monkeypatch.setattr(happy_eyeballs, "DELAY", 0.0)
    with silent(closed_port, SILENT, OTHER_SILENT):
        resolve_to(monkeypatch, SILENT, REFUSING, OTHER_SILENT)
        with anyio.fail_after(10), pytest.raises(ConnectError) as caught:
            async with aiocapdist.connect("opend.test", closed_port, connect_timeout=0.8):
                raise AssertionError("it must not connect")
    assert caught.value.host == "opend.test"
    assert caught.value.reason == (
        f"no answer within 0.8 s ({SILENT}, {OTHER_SILENT}), "
        f"the connection was refused ({REFUSING})"
    )
    assert caught.value.hint.startswith("start OpenD and log in")


async def test_a_name_whose_addresses_all_refuse_fails_at_once(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, LIVE, REFUSING)
    with anyio.fail_after(5), pytest.raises(AddressesFailed) as caught:
        await TcpConnector("opend.test", closed_port).open(60.0)
    causes = caught.value.causes
    assert list(causes) == [LIVE, REFUSING]
    assert all(isinstance(cause, ConnectionRefusedError) for cause in causes.values())


async def test_a_silent_literal_address_is_a_timeout(closed_port: int) -> None:
    with silent(closed_port, SILENT), anyio.fail_after(5), pytest.raises(TimeoutError):
        await TcpConnector(SILENT, closed_port).open(0.1)


@pytest.mark.parametrize(
    ("addresses", "order"),
    [
        (["::1", "::2", "::3", "1.1.1.1"], ["::1", "1.1.1.1", "::2", "::3"]),
        (["1.1.1.1", "::1", "::2"], ["1.1.1.1", "::1", "::2"]),
        (["1.1.1.1", "2.2.2.2"], ["1.1.1.1", "2.2.2.2"]),
        (["::1"], ["::1"]),
    ],
)
def test_families_alternate_and_the_resolver_chooses_the_first(
    addresses: list[str], order: list[str]
) -> None:
    assert interleave(addresses) == order


class Opened:
    """A connection that notes whether it was discarded."""

    def __init__(self) -> None:
        self.discarded = False

    async def discard(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.discarded = True


async def test_the_slower_of_two_connections_is_discarded() -> None:
    """Even if it is established although its attempt was cancelled."""
    opened: dict[str, Opened] = {}
    both = anyio.Event()

    async def connect(address: str) -> Opened:
        if address == "slow":
            both.set()
            with anyio.CancelScope(shield=True):
                await until(lambda: "fast" in opened)
        else:
            await both.wait()
        opened[address] = Opened()
        return opened[address]

    with anyio.fail_after(5):
        winner = await connect_first(["slow", "fast"], connect, {})
    assert winner is opened["fast"]
    assert not winner.discarded
    assert opened["slow"].discarded


async def test_cancelled_when_the_connection_is_established_it_is_discarded() -> None:
    opened = Opened()

    async def connect(address: str) -> Opened:
        call.cancel()
        return opened

    async def run() -> None:
        await connect_first(["one", "two"], connect, {})
        await anyio.lowlevel.checkpoint()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            call = Call(group, run)
            await call.end()
    assert call.cancelled
    assert opened.discarded


async def test_a_fault_of_our_own_is_not_taken_for_an_address_that_failed() -> None:
    async def connect(address: str) -> Opened:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        await connect_first(["one", "two"], connect, {})
    assert caught.group_contains(ZeroDivisionError)


async def test_a_name_without_addresses_cannot_be_resolved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_to(monkeypatch)
    with pytest.raises(ConnectError, match="the host name cannot be resolved"):
        async with aiocapdist.connect("opend.test"):
            raise AssertionError("it must not connect")


async def test_of_two_addresses_that_answer_one_connection_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both are tried at once; the other connection is closed, or was never made."""
    if not on_asyncio() and tuple(map(int, version("anyio").split(".")[:2])) < (4, 16):
        pytest.skip("this anyio leaves a cancelled connection to the garbage collector on trio")
    monkeypatch.setattr(happy_eyeballs, "DELAY", 0.0)
    with (
        anyio.fail_after(5),
        socket.create_server((LIVE, 0)) as one,
        socket.create_server((SILENT, one.getsockname()[1])) as two,
        ExitStack() as stack,
    ):
        resolve_to(monkeypatch, LIVE, SILENT)
        transport = await TcpConnector("opend.test", one.getsockname()[1]).open(5.0)
        ends = []
        for listener in (one, two):
            listener.setblocking(False)
            try:
                end, _ = listener.accept()
            except BlockingIOError:
                continue
            ends.append(stack.enter_context(end))
        open_ends = []
        for end in ends:
            end.setblocking(False)
            try:
                assert end.recv(1) == b""
            except BlockingIOError:
                open_ends.append(end)
            except ConnectionResetError:
                pass
        assert len(open_ends) == 1
        await transport.discard()  # type: ignore[attr-defined]
