"""The same calls, blocking, for programs without asyncio.

::

    with aiocapdist.sync.connect() as client:
        figures = client.capital_distribution("HK.00700")

Each client has an event loop in a thread of its own, and may be used from any thread. Ctrl-C
ends the call that waits, and its request is cancelled. Where an event loop runs already, as in
a notebook, calls raise RuntimeError: use ``await`` there.
"""

from .._lazy import publish
from ._client import Client
from ._connect import connect, connect_many
from ._group import ClientGroup
from ._iteration import Iteration, Sweep, Watch
from ._quota import QuotaView

__all__ = [
    "Client",
    "ClientGroup",
    "Iteration",
    "QuotaView",
    "Sweep",
    "Watch",
    "connect",
    "connect_many",
]

publish(__name__, globals())
