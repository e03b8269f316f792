"""A simulated OpenD for tests and first steps. The vendor's own clients work against it too.

::

    async with Simulator(seed=7) as opend, aiocapdist.connect(port=opend.port) as client:
        ...
"""

from .._lazy import publish
from ._request_log import LoggedRequest
from ._server import Simulator
from .assumptions import Assumptions
from .faults import Fault, Faults

__all__ = ["Assumptions", "Fault", "Faults", "LoggedRequest", "Simulator"]

publish(__name__, globals())
