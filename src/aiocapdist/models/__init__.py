"""Return types of calls: immutable, typed, validated."""

from .._lazy import load_lazily

TYPE_CHECKING = False

if TYPE_CHECKING or not load_lazily(globals()):
    from .changes import Change as Change
    from .figures import CapitalDistribution as CapitalDistribution
    from .figures import Outcome as Outcome
    from .flow import CapitalFlow as CapitalFlow
    from .flow import FlowPoint as FlowPoint
    from .period import Period as Period
    from .securities import Market as Market
    from .securities import Security as Security
    from .securities import SecurityFirm as SecurityFirm
    from .state import GlobalState as GlobalState
    from .state import MarketState as MarketState
    from .status import RoundTrip as RoundTrip
    from .status import Status as Status
    from .sweep_result import SweepResult as SweepResult
