"""One OpenD, as a client of it has it, alone or among others."""

from __future__ import annotations

from typing import NamedTuple

from .._transports.base import Connector
from ..quota import Quota
from .supervisor import Supervisor


class Gateway(NamedTuple):
    """The way there, and what ``connect()`` was told of it."""

    supervisor: Supervisor
    quota: Quota
    attempts: int
    security_firm: int | None

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""
        return self.supervisor.connection is not None

    @property
    def busyness(self) -> tuple[int, int]:
        """Less for who can answer first: requests in flight, and those sent so far."""
        connection = self.supervisor.connection
        assert connection is not None
        return connection.in_flight, self.supervisor.traffic.calls


def name_of(connector: Connector) -> str:
    """What people call it: ``tcp://127.0.0.1:11111``."""
    return f"{connector.scheme}://{connector.host}:{connector.port}"
