"""``connect_many()``: several gateways as one client."""

from __future__ import annotations

from collections.abc import Iterable

from .._connection.gateway import Gateway, name_of
from .._connection.hub import run_all
from .._connection.supervisors import Supervisors
from .connect import Connecting
from .group import ClientGroup
from .lifecycle import Lifecycle


def connect_many(gateways: Iterable[Connecting]) -> ConnectingMany:
    """Connect to several OpenDs: ``async with connect_many([connect(…), …]) as clients``.

    The group can be used as soon as one gateway is connected. The others are tried again in the
    background, as after a loss, unless they have ``reconnect=False``. ``attempts`` counts over all
    gateways: the largest value given applies. The awaited form needs ``await clients.aclose()``
    and asyncio; on trio use ``async with``. Cancelling leaves nothing open. Source: protos 1001
    and 1, for each.

    :param gateways: Results of :func:`connect` that were not used yet, each with its own address
        and quota. Give those of one account the same quota.
    :raises ConnectError: No gateway can be reached within the longest ``connect_timeout``. The
        text names each gateway and its cause.
    :raises InvalidKey, QuotaUnavailable, ModuleNotFoundError: As by :func:`connect`, at once.
    :raises ValueError: The list is empty, or has the same :func:`connect` twice.
    :raises TypeError: The list holds anything else.
    """
    if isinstance(gateways, Connecting):
        raise TypeError("gateways is a list of connect(), not one; put it in brackets")
    given = list(gateways)
    for one in given:
        if not isinstance(one, Connecting):
            raise TypeError(f"gateways are what connect() makes, not {type(one).__name__}")
    if not given:
        raise ValueError("gateways must be at least one connect()")
    if len({id(one) for one in given}) < len(given):
        raise ValueError("the same connect() is given twice; call it for each gateway")
    return ConnectingMany(given)


class ConnectingMany(Lifecycle[ClientGroup]):
    """A group of clients that is not yet connected: enter it, or await it. Once."""

    def __init__(self, gateways: list[Connecting]) -> None:
        super().__init__("connect_many")
        self._gateways = gateways

    def unused(self) -> ConnectingMany:
        return ConnectingMany([one.unused() for one in self._gateways])

    async def _make(self) -> tuple[ClientGroup, Supervisors]:
        for one in self._gateways:
            one.use()
        gateways: dict[str, Gateway] = {}
        try:
            for one in self._gateways:
                gateway = await one.make_gateway()
                gateways[_name(gateway, gateways)] = gateway
            hub = Supervisors(gateways)
            return ClientGroup(hub), hub
        except BaseException:
            run_all([gateway.supervisor.finish for gateway in gateways.values()])
            raise


def _name(gateway: Gateway, taken: dict[str, Gateway]) -> str:
    """Return the gateway's address, with a number if several have the same."""
    name = name_of(gateway.supervisor.connector)
    same = sum(name_of(other.supervisor.connector) == name for other in taken.values())
    return f"{name}#{same + 1}" if same else name
