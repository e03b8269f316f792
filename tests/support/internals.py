"""What tests see and change of a client's and a quota's private state: here and nowhere else.

A change of the sources' private names is followed up in this file alone. Everything here is
for assertions and for bringing about rare states; tests prefer what users can see.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from aiocapdist import Client, ClientGroup, Quota
from aiocapdist._connection import endpoint
from aiocapdist._protocol.session import Session, serials_after
from aiocapdist._transports.memory import MemoryListener
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._core.scheduler import Scheduler
from aiocapdist.simulator import Faults, Simulator

# ---- a quota


class Tokens(NamedTuple):
    """A quota's tokens, by what they are doing."""

    free: int
    held: int
    expiring: int


def tokens(quota: Any) -> Tokens:
    """The quota's tokens now: replies that were seen are settled, tokens that expired are free."""
    scheduler = _scheduler(quota)
    scheduler._advance(scheduler.store.clock())
    store = scheduler.store
    assert store.free + store.held + store.expiring == quota.limit
    return Tokens(store.free, store.held, store.expiring)


def tokens_as_they_stand(quota: Any) -> tuple[Tokens, int]:
    """The tokens, and how many of those held belong to replies seen and not yet settled."""
    scheduler = _scheduler(quota)
    store = scheduler.store
    assert scheduler.limit == quota.limit
    return Tokens(store.free, store.held, store.expiring), scheduler.unsettled


def next_token_at(quota: Any) -> float:
    """When the next expiring token is free, by the loop's clock; ``inf`` if none expires."""
    return _scheduler(quota).store.next_back


def next_grant_at(quota: Any) -> float | None:
    """When the quota's timer next has something to do; None if it has nothing."""
    return _scheduler(quota).next_due()


def effective_limit(quota: Any) -> int:
    """The limit that the quota now keeps to, after refusals."""
    scheduler = _scheduler(quota)
    return scheduler.ceiling.value_at(scheduler._clock())


def pause_grants(quota: Any) -> None:
    """Grant no token until :func:`resume_grants`, however many are free."""
    _scheduler(quota).ceiling.paused_until = math.inf


def resume_grants(quota: Any) -> None:
    """Undo :func:`pause_grants`, and grant what can be granted."""
    _scheduler(quota).ceiling.paused_until = -math.inf
    _scheduler(quota).pump()


def offer_one_more_token(quota: Any) -> None:
    """Let a expiring token be free for one round of grants, and take it back."""
    store: Any = _scheduler(quota).store
    store.free, store.expiring = store.free + 1, store.expiring - 1
    _scheduler(quota).pump()
    store.free, store.expiring = store.free - 1, store.expiring + 1


def users(quota: Any) -> int:
    """Number of clients that use the quota."""
    return len(_scheduler(quota).listeners)


def listeners(quota: Any) -> list[Any]:
    """Callbacks that the quota tells of its events."""
    return list(_scheduler(quota).listeners)


def own_tokens(quota: Any) -> int:
    """Number of tokens that this process holds of a quota shared with others."""
    store: Any = _scheduler(quota).store
    return int(store._mine)


def attach(quota: Any, clock: Callable[[], float], listener: Callable[[Any], None]) -> None:
    """Use the quota as a client does."""
    _scheduler(quota).attach(clock, listener)


def detach(quota: Any, listener: Callable[[Any], None]) -> None:
    """Stop using the quota."""
    _scheduler(quota).detach(listener)


def _scheduler(quota: Any) -> Scheduler:
    return quota if isinstance(quota, Scheduler) else scheduler_of(quota)


# ---- a client, or a group of clients


def requests(client: Client | ClientGroup) -> dict[str, Any]:
    """Capital-distribution requests that have no answer yet, by code."""
    return dict(client._single_flight.pending)


def flight_of(client: Client | ClientGroup, code: str) -> Any:
    """The flight of the request for this code; None if there is none, or it is queued."""
    request = client._single_flight.pending.get(code)
    return request and request.flight


def is_queued(client: Client | ClientGroup, code: str) -> bool:
    """True if a request for this code waits for a token or the connection."""
    request = client._single_flight.pending.get(code)
    return request is not None and request.flight is None


def is_written(client: Client | ClientGroup, code: str) -> bool:
    """True if the bytes of the request for this code were fetched for sending."""
    flight = flight_of(client, code)
    return flight is not None and flight.written


def callers(client: Client | ClientGroup, code: str) -> int:
    """Number of calls that wait for the request for this code."""
    request = client._single_flight.pending.get(code)
    return 0 if request is None else len(request.waiters or ())


def deadlines(client: Client | ClientGroup, code: str) -> int:
    """Number of calls that leave the request for this code if it is queued for too long."""
    request = client._single_flight.pending.get(code)
    return 0 if request is None else len(request.scopes or ())


def recent_answer(client: Client | ClientGroup, code: str, max_age: float) -> Any:
    """The stored answer for this code if it is no older than ``max_age`` seconds, else None."""
    return client._single_flight.cached(code, max_age)


def stored_answers(client: Client | ClientGroup) -> int:
    """Number of answers kept for ``max_age``."""
    return len(client._single_flight._cache)


def connection(client: Client) -> Any:
    """The connection that requests are sent on; None while there is none."""
    return client._supervisor.connection


def session(client: Client) -> Any:
    """The protocol session of that connection; None while there is none."""
    found = connection(client)
    return found and found._session


def codec_of(client: Client) -> Any:
    """The codec of that connection; None while there is none."""
    found = session(client)
    return found and found._codec


def in_flight(client: Client) -> list[Any]:
    """Flights that somebody waits for, the connection's own (keep-alive) left out."""
    found = session(client)
    return [] if found is None else [f for f in found.in_flight.values() if f.ref is not None]


def tombstones(client: Client) -> list[Any]:
    """Flights that nobody waits for, kept until a late reply can no longer come."""
    found = session(client)
    return [] if found is None else list(found._tombstones.values())


def set_last_serial(session: Any, serial: int) -> None:
    """Let the session's next request use the serial after this one."""
    session._serials = serials_after(serial)


def buffered_in(session: Any) -> int:
    """Bytes of an unfinished frame that the session of a TCP connection keeps."""
    return int(session._codec.pending)


def copy_of(session: Session[Any]) -> Session[Any]:
    """Copy a session; both take their next serials from the same iterator, which has no copy."""
    return copy.deepcopy(session, {id(session._serials): session._serials})


def tombstones_in(session: Any) -> dict[Any, Any]:
    """A session's tombstones, by serial."""
    return dict(session._tombstones)


def takes_tokens_of(flight: Any, quota: Quota) -> bool:
    """True if this flight holds one of the quota's tokens."""
    return flight.route is not None and flight.route.quota is _scheduler(quota)


def is_finished(client: Client | ClientGroup) -> bool:
    """True if the task behind the client has ended."""
    return client._hub.finished.is_set()


async def wait_finished(client: Client | ClientGroup) -> None:
    """Wait until the task behind the client has ended."""
    await client._hub.finished.wait()


def begin_to_close(client: Client) -> None:
    """What ``aclose`` does before it first waits."""
    client._supervisor.stop()


def client_of(connecting: Any) -> Any:
    """The client that ``connect()`` made and that is not ready yet; None before it is made."""
    return connecting._client


def opend_of(connecting: Any) -> object:
    """Host and port of the OpenD that ``connect()`` means."""
    return connecting._opend


def forget_warnings() -> None:
    """Let warnings that are logged once be logged again."""
    endpoint._warned.clear()


# ---- a transport


def websocket_protocol(connector: Any) -> Any:
    """Make the WebSocket protocol state of a new connection."""
    return connector._new_protocol()


def cause_of(transport: Any) -> Any:
    """The error that ended a transport; None if none did."""
    return transport._error


# ---- a simulator


def faults_of(opend: Simulator) -> Faults:
    """The faults that it was given, which count what was played."""
    faults = opend._faults
    assert faults is not None
    return faults


def serve_websocket(opend: Simulator, listener: MemoryListener) -> None:
    """Serve OpenD's WebSocket transport at a listener in memory, until the simulator ends."""
    assert opend._group is not None
    serve = partial(opend._serve_client, opend._websocket_codec)
    opend._group.start_soon(listener.serve, serve)


def simulated_time(opend: Simulator) -> float:
    """The Unix time by which the simulator makes its figures."""
    return float(opend._handler._now())


def announce_keep_alive_interval(opend: Simulator, seconds: int) -> None:
    """Let the simulator's handshakes carry this interval; its own timeout stays."""
    opend._handler._keep_alive_interval = seconds


def set_next_conn_id(opend: Simulator, number: int) -> None:
    """Set the id of the simulator's next connection."""
    opend._next_conn_id = number


def stop_reading(opend: Simulator, receive: Callable[..., Any]) -> None:
    """Replace ``receive`` of every open connection's stream."""
    for conversation in opend._connections.values():
        conversation._stream.receive = receive  # type: ignore[method-assign]


# ---- what is left behind


def leftovers_in_quota(quota: Any) -> dict[str, Any]:
    """Who waits for tokens, and tokens held, by table: empty when no call is pending."""
    assert quota.available >= 0  # reading it settles what was seen
    queue = _scheduler(quota).queue
    return _filled(
        {
            "queues that wait for the quota": queue.places,
            "turns in the quota's queue": [*queue._eager, *queue._patient],
            "tokens held": range(tokens(quota).held),
        }
    )


def leftovers_in_client(client: Client) -> dict[str, Any]:
    """Entries of the client's tables, by table: empty when no call is pending."""
    found = session(client)
    left = _filled(
        {
            "requests to join": client._single_flight.pending,
            "flow requests to join": client._flows.pending,
            **_in_hub(client),
            "in flight": in_flight(client),
            "tombstones": tombstones(client),
            "to be written": [] if found is None else found._unsent,
        }
    )
    quotas = leftovers_in_quota(client.quota) | leftovers_in_quota(client.flow_quota)
    return left | quotas | _in_unlimited(client._hub.unlimited)


def leftovers_in_group(clients: ClientGroup) -> dict[str, Any]:
    """Entries of the group's tables and of its clients', by table."""
    hub: Any = clients._hub
    left = _filled(
        {
            "requests to join": clients._single_flight.pending,
            "flow requests to join": clients._flows.pending,
            **_in_hub(clients),
        }
    )
    schedulers = {one for supervisor in hub._all.values() for one in supervisor._quotas}
    for scheduler in schedulers:
        left |= leftovers_in_quota(scheduler)
    left |= _in_unlimited(hub.unlimited)
    for client in clients.clients.values():
        mine = leftovers_in_client(client)
        if mine.get("queues") == {hub}:
            del mine["queues"]
        left |= mine
    return left


def _in_hub(client: Client | ClientGroup) -> dict[str, Any]:
    own = client._queues.all
    return {
        "queued requests": [request for queue in own for request in queue._waiting],
        "queues": client._hub.listeners - own,
        "requests held": client._hub.last_attempts.held,
        "event streams with a waiter": client._hub.publisher._awaited,
    }


def _in_unlimited(unlimited: Any) -> dict[str, Any]:
    return _filled({"queues that wait for no quota": unlimited._places})


def _filled(tables: dict[str, Any]) -> dict[str, Any]:
    return {name: table for name, table in tables.items() if len(table)}


# ---- a watch


def unread_changes(reader: Any) -> Counter[str]:
    """Number of changes that this iteration of a watch has not read, replaced ones included."""
    unread = reader._subscription.unread
    return Counter({code: 1 + one.skipped for code, one in unread.items()})


def rounds_of_active_codes(watch: Any) -> list[int]:
    """The last round in which each code that does not rest, and is not new, had its turn."""
    return [code.round for code in watch._source.rounds._ring.values()]
