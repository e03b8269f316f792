"""Events of ``client.events()``: immutable models, one class for each kind of event.

The ``gateway`` of an event names the gateway it is about if a client has several, else None.
"""

from enum import IntEnum
from typing import Any, ClassVar, TypeAlias

from pydantic import ConfigDict

from ._lazy import publish
from .models._base import BaseEvent


class Connected(BaseEvent):
    """The handshake with OpenD succeeded.

    ``conn_id`` is OpenD's number for the connection. ``server_version`` and ``login_user_id``
    are None over WebSocket.
    """

    conn_id: int
    server_version: str | None
    login_user_id: int | None


class Disconnected(BaseEvent):
    """The connection is lost. ``reason`` is the same as in the calls' ConnectionLost."""

    reason: str


class Reconnecting(BaseEvent):
    """An attempt to reconnect begins in ``delay`` seconds; ``attempt`` counts from 1."""

    delay: float
    attempt: int


class Throttled(BaseEvent):
    """Calls began to wait for the quota, or OpenD rejected a request.

    ``eta`` is the estimated time in seconds until the next call is sent, ``waiting`` the
    number of queued calls (each sweep counts once). ``rejected`` is True if OpenD rejected a
    request although a token was free: another program uses the same account. Rejections
    that arrive together give one event.
    """

    eta: float
    waiting: int
    rejected: bool


class Unthrottled(BaseEvent):
    """Calls no longer wait for the quota."""


class QuotaDegraded(BaseEvent):
    """The file or server of a shared quota cannot be reached, for this ``reason``.

    ``fallback`` is the number of calls in each period that this program may send meanwhile;
    with 0, calls wait.
    """

    reason: str
    fallback: int


class QuotaRestored(BaseEvent):
    """The file or server of a shared quota can be reached again."""


class EventsDropped(BaseEvent):
    """This listener fell behind: ``count`` events before the next one were dropped."""

    count: int


class NoticeType(IntEnum):
    """Kind of a notice (``Notify.NotifyType``)."""

    GATEWAY_EVENT = 1
    PROGRAM_STATUS = 2
    CONNECTION_STATUS = 3
    QUOTE_RIGHTS = 4
    API_LEVEL = 5
    API_QUOTA = 6
    USED_QUOTA = 7


class GatewayEvent(IntEnum):
    """Event of OpenD itself (``Notify.GtwEventType``)."""

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
    """State of the OpenD program (``Common.ProgramStatusType``)."""

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
    """Notification sent by OpenD. Source: push 1003, ``Notify``.

    ``type`` says which of the fields are set; the others are None. Numbers without a name in
    this version stay numbers. ``fields`` holds the whole message by OpenD's field names; a
    field unknown to this version is there by its number, and its bytes become hexadecimal
    digits in JSON.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="hex")

    type: NoticeType | int
    gateway_event: GatewayEvent | int | None = None
    program_status: ProgramStatus | int | None = None
    text: str | None = None
    """OpenD's text about a gateway event or its status."""
    quote_logged_in: bool | None = None
    trade_logged_in: bool | None = None
    quote_rights: dict[str, int | bool] | None = None
    """Quote rights by OpenD's names, such as ``hkQotRight`` (``Qot_Common.QotRight``)."""
    subscription_quota: int | None = None
    """Number of subscriptions allowed."""
    history_quota: int | None = None
    """Number of securities whose candle history may be requested in a period."""
    subscriptions_used: int | None = None
    history_used: int | None = None
    fields: dict[str, Any]


QuotaEvent: TypeAlias = Throttled | Unthrottled | QuotaDegraded | QuotaRestored
Event: TypeAlias = Connected | Disconnected | Reconnecting | QuotaEvent | Notice | EventsDropped

publish("aiocapdist", globals())
