"""The proto ids of OpenD's protocol, and the library's limits for each."""

from __future__ import annotations

from typing import Final

INIT_WEBSOCKET: Final = 1
WEBSOCKET_GONE: Final = 2
INIT_CONNECT: Final = 1001
GLOBAL_STATE: Final = 1002
NOTIFY: Final = 1003
KEEP_ALIVE: Final = 1004
USER_INFO: Final = 1005
CAPITAL_FLOW: Final = 3211
CAPITAL_DISTRIBUTION: Final = 3212

MAX_BODY: Final[dict[int, int]] = {
    INIT_WEBSOCKET: 16_384,
    INIT_CONNECT: 16_384,
    GLOBAL_STATE: 16_384,
    NOTIFY: 65_536,
    KEEP_ALIVE: 4_096,
    USER_INFO: 65_536,
    CAPITAL_FLOW: 262_144,  # a day with extended hours is 130 KB
    CAPITAL_DISTRIBUTION: 16_384,
}
"""The longest body in bytes that is accepted for each known message."""

COUNTED: Final = frozenset({CAPITAL_DISTRIBUTION, CAPITAL_FLOW})
"""Requests that count against a quota of the account, each kind against its own."""

CONNECTION_ONLY: Final = frozenset({INIT_WEBSOCKET, WEBSOCKET_GONE, INIT_CONNECT, KEEP_ALIVE})
"""Messages that only the connection itself may send."""

# Besides NOTIFY: order and fill updates, quotes, candles, tickers, order books, brokers,
# reminders, indicators, updates of options and event contracts. Users can subscribe to them
# through `client.request`.
PUSHES: Final = frozenset(
    {NOTIFY, 2208, 2218, 3005, 3007, 3009, 3011, 3013, 3015, 3019, 3261, 3310, 3450, 3451, 3452}
)
"""Messages that OpenD sends unasked. Their serials may equal that of a request in flight,
so they are recognised by proto id alone."""


class BodyLimits(dict[int, int]):
    """The longest body accepted for each proto id: ``MAX_BODY``, else ``max_frame``."""

    def __init__(self, max_frame: int) -> None:
        super().__init__(MAX_BODY)
        self._max_frame = max_frame

    def __missing__(self, proto_id: int) -> int:
        return self._max_frame
