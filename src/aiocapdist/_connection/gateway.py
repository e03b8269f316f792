"""One OpenD, as a client uses it, alone or among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..quota import Quota
from .supervisor import Supervisor

if TYPE_CHECKING:
    from .._transports.base import Connector


class Gateway(NamedTuple):
    """The supervisor of its connection, and the arguments of ``connect()`` about it."""

    supervisor: Supervisor
    quota: Quota
    flow_quota: Quota
    attempts: int
    security_firm: int | None

    @property
    def connected(self) -> bool:
        """True if requests can be sent now."""
        return self.supervisor.connection is not None


def name_of(connector: Connector) -> str:
    """Return the gateway's name, such as ``tcp://127.0.0.1:11111``."""
    return f"{connector.scheme}://{connector.host}:{connector.port}"
