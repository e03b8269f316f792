"""What ``client.events()`` tells: frozen models, one class for each kind of event."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar, TypeAlias

from pydantic import ConfigDict

from .models._base import Frozen


class BaseEvent(Frozen):
    """What all events have. ``gateway`` names the one it is about, where a client has several."""

    gateway: str | None = None

    def __repr_args__(self) -> Any:
        return [pair for pair in super().__repr_args__() if pair != ("gateway", None)]


class Connected(BaseEvent):
    """OpenD let us in. ``server_version`` and ``login_user_id`` are None at its WebSocket door."""

    conn_id: int
    server_version: str | None
    login_user_id: int | None


class Disconnected(BaseEvent):
    """The connection is gone. ``reason`` is the first cause, as calls are told it."""

    reason: str


class Reconnecting(BaseEvent):
    """The next attempt to connect begins in ``delay`` seconds; ``attempt`` counts from 1."""

    delay: float
    attempt: int


class Throttled(BaseEvent):
    """Calls wait for the quota. Told when waiting begins, and whenever OpenD refuses.

    ``eta`` is the estimate in seconds until the first of them goes, ``waiting`` how many
    are in line (a sweep counts with its next code). ``rejected`` is True where OpenD refused
    although a token was free: someone else spends from the same account. Refusals that come
    together are told once.
    """

    eta: float
    waiting: int
    rejected: bool


class Unthrottled(BaseEvent):
    """No call waits for the quota any more."""


class QuotaDegraded(BaseEvent):
    """The quota shares its tokens with others, and they cannot be reached, for this ``reason``.

    Calls wait, or go by ``fallback``: the tokens in a period that this program was given for such
    times (0: none).
    """

    reason: str
    fallback: int


class QuotaRestored(BaseEvent):
    """The shared tokens can be reached again."""


class EventsDropped(BaseEvent):
    """This listener was too slow: the oldest ``count`` events were dropped at this place."""

    count: int


class NoticeType(IntEnum):
    """What a notice is about (``Notify.NotifyType``)."""

    GATEWAY_EVENT = 1
    PROGRAM_STATUS = 2
    CONNECTION_STATUS = 3
    QUOTE_RIGHTS = 4
    API_LEVEL = 5
    API_QUOTA = 6
    USED_QUOTA = 7


class GatewayEvent(IntEnum):
    """What happened to OpenD (``Notify.GtwEventType``)."""

    LOCAL_CONFIG_LOAD_FAILED = 1
    API_SERVER_RUN_FAILED = 2
    FORCE_UPDATE = 3
    LOGIN_FAILED = 4
    DISCLAIMER_NOT_AGREED = 5
    NETWORK_CONFIG_MISSING = 6
    KICKED_OUT = 7
    LOGIN_PASSWORD_CHANGED = 8
    LOGIN_BANNED = 9
    PICTURE_CODE_NEEDED = 10
    PHONE_CODE_NEEDED = 11
    PROGRAM_DATA_MISSING = 12
    NECESSARY_DATA_MISSING = 13
    TRADE_PASSWORD_CHANGED = 14
    DEVICE_LOCK_ENABLED = 15


class ProgramStatus(IntEnum):
    """How far OpenD is with starting, or with ending (``Common.ProgramStatusType``)."""

    NONE = 0
    LOADED = 1
    LOGGING_IN = 2
    PICTURE_CODE_NEEDED = 3
    PHONE_CODE_NEEDED = 4
    LOGIN_FAILED = 5
    FORCE_UPDATE = 6
    PREPARING = 7
    NECESSARY_DATA_MISSING = 8
    DISCLAIMER_NOT_AGREED = 9
    READY = 10
    FORCED_LOGOUT = 11
    DISCLAIMER_UNAVAILABLE = 12


class Notice(BaseEvent):
    """What OpenD says unasked (push 1003).

    ``type`` says which of the fields to read; the others are None. Numbers without a name
    here stay numbers. ``fields`` holds all that came, by OpenD's own names, and by its
    numbers where these have no name here either: nothing is lost on an older library.
    Bytes without a name become hexadecimal digits in JSON.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="hex")

    type: NoticeType | int
    gateway_event: GatewayEvent | int | None = None
    program_status: ProgramStatus | int | None = None
    text: str | None = None
    """OpenD's own words about a gateway event or its status."""
    quote_logged_in: bool | None = None
    trade_logged_in: bool | None = None
    quote_rights: dict[str, int | bool] | None = None
    """By OpenD's own names, ``hkQotRight`` and so on (``Qot_Common.QotRight``)."""
    subscription_quota: int | None = None
    """Subscriptions allowed in all."""
    history_quota: int | None = None
    """Securities whose history may be asked for in a period."""
    subscriptions_used: int | None = None
    history_used: int | None = None
    fields: dict[str, Any]


QuotaEvent: TypeAlias = Throttled | Unthrottled | QuotaDegraded | QuotaRestored
Event: TypeAlias = Connected | Disconnected | Reconnecting | QuotaEvent | Notice | EventsDropped
