"""The table of what is said between client and OpenD.

For each proto id: its messages, whether the account's quota counts it, whether it may
be sent again when its fate is unknown (a read may), and how long a body may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from .._pb import (
    capital_distribution_pb2,
    global_state_pb2,
    init_connect_pb2,
    init_websocket_pb2,
    keep_alive_pb2,
    notify_pb2,
)

INIT_WEBSOCKET: Final = 1
WEBSOCKET_GONE: Final = 2
INIT_CONNECT: Final = 1001
GLOBAL_STATE: Final = 1002
NOTIFY: Final = 1003
KEEP_ALIVE: Final = 1004
CAPITAL_DISTRIBUTION: Final = 3212


@dataclass(frozen=True, slots=True)
class Call:
    """One row of the table. ``request`` is None for a push."""

    proto_id: int
    name: str
    request: type[Message] | None
    response: type[Message]
    counted: bool
    repeatable: bool
    cap: int


CATALOG: Final[dict[int, Call]] = {
    call.proto_id: call
    for call in (
        Call(
            INIT_WEBSOCKET,
            "InitWebSocket",
            init_websocket_pb2.Request,
            init_websocket_pb2.Response,
            counted=False,
            repeatable=False,
            cap=16_384,
        ),
        Call(
            INIT_CONNECT,
            "InitConnect",
            init_connect_pb2.Request,
            init_connect_pb2.Response,
            counted=False,
            repeatable=False,
            cap=16_384,
        ),
        Call(
            GLOBAL_STATE,
            "GetGlobalState",
            global_state_pb2.Request,
            global_state_pb2.Response,
            counted=False,
            repeatable=True,
            cap=16_384,
        ),
        Call(
            NOTIFY,
            "Notify",
            None,
            notify_pb2.Response,
            counted=False,
            repeatable=False,
            cap=65_536,
        ),
        Call(
            KEEP_ALIVE,
            "KeepAlive",
            keep_alive_pb2.Request,
            keep_alive_pb2.Response,
            counted=False,
            repeatable=True,
            cap=4_096,
        ),
        Call(
            CAPITAL_DISTRIBUTION,
            "Qot_GetCapitalDistribution",
            capital_distribution_pb2.Request,
            capital_distribution_pb2.Response,
            counted=True,
            repeatable=True,
            cap=16_384,
        ),
    )
}

# Pushes carry serials of their own, which may equal a live request's: they are
# recognised by id alone. Besides NOTIFY: order and fill updates, quotes, candles,
# tickers, order books, brokers, reminders, computed indicators, options' and event
# contracts' updates, which a user of `client.request` may switch on.
PUSHES: Final = frozenset(
    {NOTIFY, 2208, 2218, 3005, 3007, 3009, 3011, 3013, 3015, 3019, 3261, 3310, 3450, 3451, 3452}
)


OF_THE_CONNECTION: Final = frozenset({INIT_WEBSOCKET, WEBSOCKET_GONE, INIT_CONNECT, KEEP_ALIVE})


class Caps(dict[int, int]):
    """The longest body allowed for a proto id: its own cap, or ``max_frame``."""

    def __init__(self, max_frame: int) -> None:
        super().__init__({call.proto_id: call.cap for call in CATALOG.values()})
        self._max_frame = max_frame

    def __missing__(self, proto_id: int) -> int:
        return self._max_frame
