"""Capital distribution from Futu/moomoo OpenD: who is buying and selling, by size of order.

::

    async with aiocapdist.connect() as client:
        figures = await client.capital_distribution("HK.00700")

Names are loaded when first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._client.client import Client as Client
    from ._client.connect import connect as connect
    from ._client.connect_many import connect_many as connect_many
    from ._client.group import ClientGroup as ClientGroup
    from ._client.group import GroupQuota as GroupQuota
    from ._client.sweep import Sweep as Sweep
    from ._client.sweep import SweepResult as SweepResult
    from ._connection.event_stream import EventStream as EventStream
    from .errors import AiocapdistError as AiocapdistError
    from .errors import BackendError as BackendError
    from .errors import ClientClosed as ClientClosed
    from .errors import ConnectError as ConnectError
    from .errors import ConnectionLost as ConnectionLost
    from .errors import HandshakeError as HandshakeError
    from .errors import InvalidCode as InvalidCode
    from .errors import InvalidKey as InvalidKey
    from .errors import OpenDError as OpenDError
    from .errors import ProtocolError as ProtocolError
    from .errors import QuotaExceeded as QuotaExceeded
    from .errors import QuotaUnavailable as QuotaUnavailable
    from .errors import QuotaWaitTooLong as QuotaWaitTooLong
    from .errors import RequestTimeout as RequestTimeout
    from .errors import UnknownSecurity as UnknownSecurity
    from .errors import UnsupportedSecurity as UnsupportedSecurity
    from .events import Connected as Connected
    from .events import Disconnected as Disconnected
    from .events import EventsDropped as EventsDropped
    from .events import GatewayEvent as GatewayEvent
    from .events import Notice as Notice
    from .events import NoticeType as NoticeType
    from .events import ProgramStatus as ProgramStatus
    from .events import QuotaDegraded as QuotaDegraded
    from .events import QuotaRestored as QuotaRestored
    from .events import Reconnecting as Reconnecting
    from .events import Throttled as Throttled
    from .events import Unthrottled as Unthrottled
    from .models import CapitalDistribution as CapitalDistribution
    from .models import GlobalState as GlobalState
    from .models import Market as Market
    from .models import MarketState as MarketState
    from .models import Outcome as Outcome
    from .models import RoundTrip as RoundTrip
    from .models import Security as Security
    from .models import SecurityFirm as SecurityFirm
    from .models import Status as Status
    from .quota import Quota as Quota

_HOMES = {
    "_client.connect": ("connect",),
    "_client.connect_many": ("connect_many",),
    "_connection.event_stream": ("EventStream",),
    "_client.client": ("Client",),
    "errors": (
        "AiocapdistError",
        "BackendError",
        "ClientClosed",
        "ConnectError",
        "ConnectionLost",
        "HandshakeError",
        "InvalidCode",
        "InvalidKey",
        "OpenDError",
        "ProtocolError",
        "QuotaExceeded",
        "QuotaUnavailable",
        "QuotaWaitTooLong",
        "RequestTimeout",
        "UnknownSecurity",
        "UnsupportedSecurity",
    ),
    "events": (
        "Connected",
        "Disconnected",
        "GatewayEvent",
        "EventsDropped",
        "Notice",
        "NoticeType",
        "ProgramStatus",
        "QuotaRestored",
        "QuotaDegraded",
        "Reconnecting",
        "Unthrottled",
        "Throttled",
    ),
    "_client.group": ("ClientGroup", "GroupQuota"),
    "models": (
        "CapitalDistribution",
        "GlobalState",
        "Market",
        "MarketState",
        "Outcome",
        "RoundTrip",
        "Security",
        "SecurityFirm",
        "Status",
    ),
    "quota": ("Quota",),
    "_client.sweep": ("SweepResult", "Sweep"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AiocapdistError",
    "BackendError",
    "CapitalDistribution",
    "Client",
    "ClientClosed",
    "ClientGroup",
    "ConnectError",
    "Connected",
    "ConnectionLost",
    "Disconnected",
    "EventStream",
    "EventsDropped",
    "GatewayEvent",
    "GlobalState",
    "GroupQuota",
    "HandshakeError",
    "InvalidCode",
    "InvalidKey",
    "Market",
    "MarketState",
    "Notice",
    "NoticeType",
    "OpenDError",
    "Outcome",
    "ProgramStatus",
    "ProtocolError",
    "Quota",
    "QuotaDegraded",
    "QuotaExceeded",
    "QuotaRestored",
    "QuotaUnavailable",
    "QuotaWaitTooLong",
    "Reconnecting",
    "RequestTimeout",
    "RoundTrip",
    "Security",
    "SecurityFirm",
    "Status",
    "Sweep",
    "SweepResult",
    "Throttled",
    "UnknownSecurity",
    "UnsupportedSecurity",
    "Unthrottled",
    "connect",
    "connect_many",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
