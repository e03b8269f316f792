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
    from ._connect import connect as connect
    from .client import Client as Client
    from .errors import AiocapdistError as AiocapdistError
    from .errors import BackendError as BackendError
    from .errors import ClientClosed as ClientClosed
    from .errors import ConnectError as ConnectError
    from .errors import ConnectionLost as ConnectionLost
    from .errors import HandshakeError as HandshakeError
    from .errors import InvalidCode as InvalidCode
    from .errors import OpenDError as OpenDError
    from .errors import ProtocolError as ProtocolError
    from .errors import QuotaExceeded as QuotaExceeded
    from .errors import QuotaWaitTooLong as QuotaWaitTooLong
    from .errors import RequestTimeout as RequestTimeout
    from .errors import UnknownSecurity as UnknownSecurity
    from .errors import UnsupportedSecurity as UnsupportedSecurity
    from .models import CapitalDistribution as CapitalDistribution
    from .models import GlobalState as GlobalState
    from .models import Market as Market
    from .models import MarketState as MarketState
    from .models import Outcome as Outcome
    from .models import Security as Security
    from .models import SecurityFirm as SecurityFirm
    from .models import Status as Status
    from .quota import Quota as Quota
    from .sweep import Report as Report
    from .sweep import Sweep as Sweep

_HOMES = {
    "_connect": ("connect",),
    "client": ("Client",),
    "errors": (
        "AiocapdistError",
        "BackendError",
        "ClientClosed",
        "ConnectError",
        "ConnectionLost",
        "HandshakeError",
        "InvalidCode",
        "OpenDError",
        "ProtocolError",
        "QuotaExceeded",
        "QuotaWaitTooLong",
        "RequestTimeout",
        "UnknownSecurity",
        "UnsupportedSecurity",
    ),
    "models": (
        "CapitalDistribution",
        "GlobalState",
        "Market",
        "MarketState",
        "Outcome",
        "Security",
        "SecurityFirm",
        "Status",
    ),
    "quota": ("Quota",),
    "sweep": ("Report", "Sweep"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AiocapdistError",
    "BackendError",
    "CapitalDistribution",
    "Client",
    "ClientClosed",
    "ConnectError",
    "ConnectionLost",
    "GlobalState",
    "HandshakeError",
    "InvalidCode",
    "Market",
    "MarketState",
    "OpenDError",
    "Outcome",
    "ProtocolError",
    "Quota",
    "QuotaExceeded",
    "QuotaWaitTooLong",
    "Report",
    "RequestTimeout",
    "Security",
    "SecurityFirm",
    "Status",
    "Sweep",
    "UnknownSecurity",
    "UnsupportedSecurity",
    "connect",
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
