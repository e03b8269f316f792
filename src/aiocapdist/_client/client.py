"""The client of one OpenD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._connection.gateway import Gateway, name_of
from .._connection.link_state import server_version
from ..quota import Quota
from .base import BaseClient

if TYPE_CHECKING:
    from .._connection.supervisor import Supervisor
    from ..models import Status


class Client(BaseClient):
    """One connection to OpenD and one quota, for any number of callers.

    Created by :func:`aiocapdist.connect`, for the event loop that it was created on. All calls
    may be made at once, from any number of tasks. Cancelling any of them is safe: a request
    that was not sent leaves no trace, and the late reply to one that was is dropped.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._supervisor = gateway.supervisor
        self._quota = gateway.quota
        self._flow_quota = gateway.flow_quota
        super().__init__(gateway.supervisor, {None: gateway})

    def __repr__(self) -> str:
        return f"<Client of {name_of(self._supervisor.connector)}, {self.status.state}>"

    @property
    def status(self) -> Status:
        """The state of the connection, now."""
        return status_of(self._supervisor)

    @property
    def quota(self) -> Quota:
        """The quota in use: ``available``, ``waiting``, ``rejections``, ``eta(n)``."""
        return self._quota

    @property
    def flow_quota(self) -> Quota:
        """The quota of capital flow calls, which OpenD counts by themselves."""
        return self._flow_quota


def status_of(supervisor: Supervisor) -> Status:
    """Return the state of a gateway's connection, now."""
    from ..models import Status

    handshake, stats, since = supervisor.handshake, supervisor.stats, supervisor.ready_since
    return Status.model_construct(  # valid as it is: validating would first build a schema
        state=supervisor.state.value,
        transport=supervisor.connector.scheme,
        encrypted=supervisor.encrypted,
        conn_id=handshake.conn_id if handshake and supervisor.connection else None,
        server_version=server_version(handshake),
        login_user_id=handshake.login_user_id if handshake else None,
        uptime=None if since is None else supervisor.clock() - since,
        reconnects=supervisor.reconnects,
        calls=stats.calls,
        late_replies=stats.late_replies,
        round_trip=stats.round_trip(),
    )
