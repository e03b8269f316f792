"""The options of ``connect()``: checked, and turned into a connector and a codec."""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from anyio.abc import ByteStream

from .._protocol.catalog import MAX_BODY
from .._protocol.ciphers import Algorithm
from .._protocol.codec import Codec
from .._protocol.tcp_codec import TcpCodec
from .._transports.tcp import TcpConnector
from ..errors import InvalidKey
from . import environment
from .address import Address, parse_address
from .environment import RSA_KEY, WEBSOCKET_KEY

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from .._transports.base import Connector

log = logging.getLogger("aiocapdist")

KeySource: TypeAlias = str | os.PathLike[str] | bytes
"""A path to a PEM file, or the PEM text's bytes."""
CipherName: TypeAlias = Literal["aes-cbc", "ftaes-ecb"]
_ALGORITHMS = {"aes-cbc": Algorithm.AES_CBC, "ftaes-ecb": Algorithm.FTAES_ECB}
_warned: set[str] = set()


class StreamOpener(Protocol):
    """What ``address`` may be besides a string: an object that opens byte streams.

    For example the simulator's ``memory``, which needs no socket, so that time can be virtual.
    """

    async def open(self) -> ByteStream: ...


class Endpoint(NamedTuple):
    """How to connect to OpenD. ``encrypted`` is True if the connection is not in clear text."""

    connector: Connector
    make_codec: Callable[[], Codec]
    encrypted: bool


class ConnectOptions:
    """The checked options. Raises ValueError or TypeError for those that do not fit together."""

    def __init__(
        self,
        address: str | StreamOpener | None,
        port: int | None,
        *,
        host: str | None,
        rsa_key: KeySource | None,
        cipher: CipherName,
        websocket_key: str | None,
        ssl_context: ssl.SSLContext | None,
        client_id: str,
        max_frame: int,
    ) -> None:
        _check_type("rsa_key", rsa_key, (str, bytes, os.PathLike), "a path or bytes")
        _check_type("websocket_key", websocket_key, str, "a string")
        _check_type("ssl_context", ssl_context, ssl.SSLContext, "an ssl.SSLContext")
        _check_type("host", host, str, "a string")
        self._where = _where(address, host, port)
        scheme = self._where.scheme if isinstance(self._where, Address) else "memory"
        # The environment's keys are for the transports that use them.
        self._key_is_given = rsa_key is not None or scheme != "tcp"
        self._rsa_key = rsa_key if self._key_is_given else environment.variable(RSA_KEY)
        self._algorithm = _algorithm(cipher, self._rsa_key)
        self._websocket_key = websocket_key or environment.variable(WEBSOCKET_KEY) or ""
        self._ssl = ssl_context
        self._client_id = client_id
        self._max_frame = max_frame
        if scheme in ("ws", "wss"):
            if rsa_key is not None:
                raise ValueError(
                    "rsa_key is for tcp:// and is never sent through a WebSocket; "
                    "use wss:// to encrypt there"
                )
        elif websocket_key is not None:
            raise ValueError(f"websocket_key goes with ws:// or wss://, not with {scheme}")
        if ssl_context is not None and scheme != "wss":
            raise ValueError(f"ssl_context goes with wss://, not with {scheme}")

    @property
    def opend(self) -> object:
        """The OpenD that is meant: its host and port, or the object that opens streams to it."""
        where = self._where
        if not isinstance(where, Address):
            return where
        host = "127.0.0.1" if where.host == "localhost" else where.host
        return f"{host}:{where.port}"

    async def prepare(self) -> Endpoint:
        """Load the key and create the connector. Raises InvalidKey."""
        where = self._where
        if not isinstance(where, Address):
            from .._transports.stream import StreamConnector

            return await self._tcp(StreamConnector("memory", where.open))
        if where.scheme == "tcp":
            _warn_beyond_loopback(where.host, encrypted=self._rsa_key is not None)
            return await self._tcp(TcpConnector(where.host, where.port))
        return self._websocket(where)

    async def _tcp(self, connector: Connector) -> Endpoint:
        key: RSAPrivateKey | None = None
        if self._rsa_key is not None:
            from anyio import to_thread

            # In a thread: the disk may be slow.
            key = await to_thread.run_sync(self._load_key, self._rsa_key)

        def make_codec() -> TcpCodec:
            return TcpCodec(
                client_id=self._client_id,
                max_frame=self._max_frame,
                key=key,
                algorithm=self._algorithm,
            )

        return Endpoint(connector, make_codec, key is not None)

    def _load_key(self, source: KeySource) -> RSAPrivateKey:
        from .key_file import load_key

        try:
            return load_key(source)
        except InvalidKey as error:
            if self._key_is_given:
                raise
            raise InvalidKey(f"{RSA_KEY}: {error.reason}") from None

    def _websocket(self, where: Address) -> Endpoint:
        from .._protocol.websocket_codec import REPLY_HEAD, WebSocketCodec
        from .._transports.websocket import WebSocketConnector

        secure = where.scheme == "wss"
        if not secure:
            _warn_beyond_loopback(where.host, encrypted=False)
        context = self._ssl or ssl.create_default_context() if secure else None
        tcp = TcpConnector(where.host, where.port, context)
        longest = max(self._max_frame, *MAX_BODY.values()) + REPLY_HEAD.size
        connector = WebSocketConnector(where.scheme, tcp, longest)

        def make_codec() -> WebSocketCodec:
            return WebSocketCodec(
                client_id=self._client_id, max_frame=self._max_frame, key=self._websocket_key
            )

        return Endpoint(connector, make_codec, secure)


def _check_type(name: str, value: object, kind: type | tuple[type, ...], words: str) -> None:
    # Checked before use: a later error could be any, and could show a secret.
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} is {words}, not {type(value).__name__}")


def _where(
    address: str | StreamOpener | None, host: str | None, port: int | None
) -> Address | StreamOpener:
    if host is not None:
        if address is not None:
            raise ValueError("address and host both say where OpenD is: leave out one")
        address = host
    if address is None:
        if port is None:
            return environment.opend_address()
        address = environment.DEFAULT_HOST
    if isinstance(address, str):
        return parse_address(address, port)
    if not hasattr(address, "open"):
        raise TypeError(f"address is a host or a URL, not {type(address).__name__}")
    if port is not None:
        raise ValueError("port goes with a host, not with a stream opener")
    return address


def _algorithm(cipher: CipherName, rsa_key: KeySource | None) -> Algorithm:
    if cipher not in _ALGORITHMS:
        raise ValueError(f"cipher is 'aes-cbc' or 'ftaes-ecb', not {cipher!r}")
    if rsa_key is not None:
        return _ALGORITHMS[cipher]
    if cipher != "aes-cbc":
        raise ValueError("cipher needs rsa_key as well")
    return Algorithm.CLEAR


def _warn_beyond_loopback(host: str, *, encrypted: bool) -> None:
    """Warn once per host."""
    if host in _warned or _is_loopback(host):
        return
    _warned.add(host)
    if encrypted:
        text = (
            "OpenD's encryption protects little on the way to %s: each message carries a digest of "
            "its clear text, and can be altered; use a tunnel or wss://"
        )
    else:
        text = (
            "the connection to %s is not encrypted: anybody on the way can read and alter it; "
            "use a tunnel or wss://"
        )
    log.warning(text, host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
