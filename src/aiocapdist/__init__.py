"""Capital distribution from Futu/moomoo OpenD: money in and out of a security, by order size.

::

    async with aiocapdist.connect() as client:
        figures = await client.capital_distribution("HK.00700")

Names are loaded when they are first used.
"""

from ._lazy import load_lazily

__version__ = "0.1.0"

TYPE_CHECKING = False

if TYPE_CHECKING or not load_lazily(globals()):
    from . import errors as errors
    from . import events as events
    from . import frames as frames
    from . import models as models
    from . import quota as quota
    from . import recording as recording
    from . import simulator as simulator
    from . import sync as sync
    from . import telemetry as telemetry
    from . import web as web
    from ._client.client import Client as Client
    from ._client.connect import connect as connect
    from ._client.connect_many import connect_many as connect_many
    from ._client.group import ClientGroup as ClientGroup
    from ._client.group import GroupQuota as GroupQuota
    from ._client.sweep import Sweep as Sweep
    from ._client.watch import Watch as Watch
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
    from .errors import RecordingError as RecordingError
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
    from .models import CapitalFlow as CapitalFlow
    from .models import Change as Change
    from .models import FlowPoint as FlowPoint
    from .models import GlobalState as GlobalState
    from .models import Market as Market
    from .models import MarketState as MarketState
    from .models import Outcome as Outcome
    from .models import Period as Period
    from .models import RoundTrip as RoundTrip
    from .models import Security as Security
    from .models import SecurityFirm as SecurityFirm
    from .models import Status as Status
    from .models import SweepResult as SweepResult
    from .quota import FileQuota as FileQuota
    from .quota import Quota as Quota
    from .quota import RedisQuota as RedisQuota
    from .simulator import Simulator as Simulator
