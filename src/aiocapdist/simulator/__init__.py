"""An OpenD for tests and first steps: the vendor's own clients take it for the real one.

::

    async with Simulator(seed=7) as opend, aiocapdist.connect(port=opend.port) as client:
        ...
"""

from .._lazy import publish
from ._log import LoggedRequest
from .faults import Fault, Faults
from .server import Simulator

__all__ = ["Fault", "Faults", "LoggedRequest", "Simulator"]

publish(__name__, globals())
