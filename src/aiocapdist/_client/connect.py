"""``connect()``: its arguments, checked, and what they amount to."""

from __future__ import annotations

import math
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from types import UnionType

from .._connection import environment
from .._connection.endpoint import CipherName, ConnectOptions, KeySource, StreamOpener
from .._connection.environment import REDIS
from .._connection.gateway import Gateway
from .._connection.supervisor import Supervisor
from .._loop import current_clock
from .._protocol.catalog import CAPITAL_FLOW
from ..models import SecurityFirm
from ..quota import Quota
from ..quota._core.defaults import default_quota
from ..quota._core.quota import scheduler_of, sibling
from .client import Client
from .guesses import CONNECT_ARGUMENTS, explain_arguments
from .lifecycle import Lifecycle


@explain_arguments(CONNECT_ARGUMENTS)
def connect(
    address: str | StreamOpener | None = None,
    port: int | None = None,
    *,
    host: str | None = None,
    quota: Quota | None = None,
    flow_quota: Quota | None = None,
    rsa_key: KeySource | None = None,
    cipher: CipherName = "aes-cbc",
    websocket_key: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    security_firm: SecurityFirm | int | None = None,
    client_id: str = "aiocapdist",
    request_timeout: float = 10.0,
    connect_timeout: float = 10.0,
    attempts: int = 3,
    reconnect: bool = True,
    reconnect_timeout: float | None = 60.0,
    max_frame: int = 2**20,
) -> Connecting:
    """Connect to OpenD: ``async with connect() as client``, or ``await connect()``.

    The awaited form needs ``await client.aclose()`` later, and asyncio; on trio use
    ``async with``. Cancelling leaves nothing open. Wrong arguments raise ValueError or TypeError
    at once, before anything is sent. Sources: protos 1001 (InitConnect) and, for WebSocket, 1
    (InitWebSocket).

    :param address: Host, or ``tcp://host:port``, or ``ws://host:port`` or ``wss://host:port`` for
        OpenD's WebSocket. Without ``address``, ``host`` and ``port``, the environment says where
        OpenD is: ``AIOCAPDIST_ADDRESS``, else ``FUTU_OPEND_HOST`` and ``FUTU_OPEND_PORT``, else
        127.0.0.1:11111.
    :param port: 11111 by default, 33333 for WebSocket.
    :param host: The same as ``address``.
    :param quota: By default 30 calls in 30 seconds, shared by all clients of the same address in
        this process, later ones too, or on the Redis server that ``AIOCAPDIST_REDIS`` names. Give
        the clients of one account the same.
    :param flow_quota: Quota of capital flow calls. By default one of the same kind and size as
        ``quota``, shared by all clients that share ``quota``.
    :param rsa_key: Path of a PEM file, or its bytes: encrypts TCP, and accepts nothing
        unencrypted. By default the path in ``AIOCAPDIST_RSA_KEY``.
    :param cipher: ``aes-cbc``, or ``ftaes-ecb`` for an OpenD that requires it.
    :param websocket_key: The key that is set in OpenD for its WebSocket port. By default
        ``AIOCAPDIST_WEBSOCKET_KEY``.
    :param ssl_context: For wss. By default certificates are verified.
    :param security_firm: Sent with each request; crypto needs it.
    :param client_id: Shown in OpenD's log.
    :param request_timeout: Seconds from sending a request to its reply.
    :param connect_timeout: Seconds for connecting.
    :param attempts: How often a call is sent at most if its connection is lost, its reply is
        damaged or does not come, or the vendor's servers fail.
    :param reconnect: If False, the first loss ends the client.
    :param reconnect_timeout: Seconds from a loss for which calls wait while OpenD is away. Then
        they end with ConnectionLost, and new ones at once, until it is back. None waits forever.
        The same holds for the file or server of a shared quota, with QuotaUnavailable.
    :param max_frame: Replies longer than this many bytes end the connection.
    :raises ConnectError: OpenD cannot be reached within ``connect_timeout``.
    :raises HandshakeError: OpenD rejects the handshake.
    :raises InvalidKey: ``rsa_key`` is not a key.
    :raises QuotaUnavailable: A shared ``quota`` cannot be used.
    :raises ModuleNotFoundError: An extra is not installed.
    """
    _check_positive("request_timeout", request_timeout)
    _check_positive("connect_timeout", connect_timeout)
    if reconnect_timeout is not None:
        _check_positive("reconnect_timeout", reconnect_timeout)
    _check_whole("attempts", attempts)
    _check_whole("max_frame", max_frame)
    _check_kind("quota", quota, Quota | None, "an aiocapdist.Quota")
    _check_kind("flow_quota", flow_quota, Quota | None, "an aiocapdist.Quota")
    _check_kind("client_id", client_id, str, "a string")
    _check_firm(security_firm)
    options = ConnectOptions(
        address,
        port,
        host=host,
        rsa_key=rsa_key,
        cipher=cipher,
        websocket_key=websocket_key,
        ssl_context=ssl_context,
        client_id=client_id,
        max_frame=max_frame,
    )
    find_quota = _quota_finder(quota, options.opend)

    async def make_gateway() -> Gateway:
        endpoint = await options.prepare()
        shared = find_quota()
        await scheduler_of(shared).prepare()
        flow_shared = sibling(shared, str(CAPITAL_FLOW)) if flow_quota is None else flow_quota
        supervisor = Supervisor(
            endpoint,
            clock=current_clock(),
            request_timeout=request_timeout,
            connect_timeout=connect_timeout,
            reconnect=reconnect,
            reconnect_timeout=reconnect_timeout,
        )
        return Gateway(supervisor, shared, flow_shared, attempts, security_firm)

    return Connecting(make_gateway, options.opend)


class Connecting(Lifecycle[Client]):
    """A client that is not yet connected: enter it, or await it. Once."""

    def __init__(self, make_gateway: Callable[[], Awaitable[Gateway]], opend: object) -> None:
        super().__init__("connect")
        self.make_gateway = make_gateway
        self._opend = opend

    def unused(self) -> Connecting:
        return Connecting(self.make_gateway, self._opend)

    async def _make(self) -> tuple[Client, Supervisor]:
        gateway = await self.make_gateway()
        try:
            return Client(gateway), gateway.supervisor
        except BaseException:
            gateway.supervisor.finish()
            raise


def _quota_finder(quota: Quota | None, opend: object) -> Callable[[], Quota]:
    """Return what finds the quota once a loop runs: the one given, or that of all clients."""
    if quota is not None:
        return lambda: quota
    url = environment.variable(REDIS) if isinstance(opend, str) else None
    if url is None:
        return partial(default_quota, opend)
    from ..quota import RedisQuota

    try:
        RedisQuota(url)  # raises now for what is no URL
    except ValueError as error:
        raise ValueError(f"{REDIS}: {error}") from None
    return partial(default_quota, opend, url, partial(RedisQuota, url))


def _check_positive(name: str, seconds: float) -> None:
    if not (isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{name} must be a positive number of seconds, not {seconds!r}")


def _check_whole(name: str, number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{name} must be a whole number, at least 1, not {number!r}")


def _check_kind(name: str, value: object, kind: type | UnionType, words: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {words}, not {type(value).__name__}")


def _check_firm(firm: object) -> None:
    if firm is None:
        return
    expected = "security_firm is a SecurityFirm or its number"
    if isinstance(firm, bool) or not isinstance(firm, int):
        raise TypeError(f"{expected}, not {type(firm).__name__}")
    if not 0 <= firm < 2**31:
        raise ValueError(f"{expected}, not {firm}")
