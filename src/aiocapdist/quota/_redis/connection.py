"""A connection to a Redis server, and the one script that is run over it.

redis-py's connection is used without its client and pool: one exchange at a time, and after
any error the connection is dropped, so that no reply meets another command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.resources import files
from typing import Any, TypeAlias

import anyio

from ..._extras import needs_extra
from .._core.loops import call_after_fork
from .errors import explain

_parents: list[Any] = []  # connections that a forked child keeps as they are

Call: TypeAlias = Callable[..., Awaitable[Any]]

# An exchange as a whole has its time, and is repeated as a whole.
_OPTIONS: dict[str, Any] = {
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "retry": None,
    "retry_on_timeout": False,
    "health_check_interval": 0,
    "decode_responses": True,
}
_DEFAULTS: dict[str, Any] = {"protocol": 2}  # url may say otherwise: ?protocol=3


class RedisConnection:
    """At most one connection to the server that ``url`` names, opened when it is needed.

    A call ends after ``timeout`` seconds. Raises ValueError for what is no URL of a Redis
    server, ModuleNotFoundError if redis-py is not installed.
    """

    def __init__(self, url: str, timeout: float) -> None:
        with needs_extra("redis", "RedisQuota"):
            from redis import exceptions
            from redis.asyncio import connection
        self._errors: Any = exceptions
        try:
            options: dict[str, Any] = dict(connection.parse_url(url))
            self._kind: Any = options.pop("connection_class", connection.Connection)
            self._options = _DEFAULTS | options | _OPTIONS
            self._kind(**self._options)
        except (AttributeError, TypeError, ValueError):
            # Its own words may quote the password.
            raise ValueError(
                "url is the address of a Redis server: redis://host:6379/0, rediss://… or unix:///path"
            ) from None
        self.where = _where(options)
        """Host, port and database, or the socket's path: no password."""
        self._script = files("aiocapdist.quota._redis").joinpath("exchange.lua").read_text("utf-8")
        self._digest = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._timeout = timeout
        self._connection: Any = None
        self._node: dict[str, Any] = {}  # of a cluster, the one that has the key
        call_after_fork(self)

    # ---- calls; each raises QuotaUnavailable if it fails

    async def command(self, *words: str) -> Any:
        """Return the reply to one command, which changes nothing."""
        return await self._call(self._command, *words)

    async def exchange(self, key: str, report: str) -> Any:
        """Run the script on the book at ``key``, and return its reply (see .exchange)."""
        return await self._call(self._evaluate, key, report)

    async def leave(self, key: str, report: str) -> None:
        """Send a last report if there is a connection. Waits for nothing.

        What the server has read before the end of a connection, it does.
        """
        if self._connection is not None:
            with anyio.move_on_after(0), suppress(self._errors.RedisError, OSError):
                await self._connection.send_command("EVALSHA", self._digest, 1, key, report)

    async def close(self) -> None:
        """End the connection. Waits for nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def after_fork(self) -> None:
        """Leave the connection alone: it is the parent's, and so is its event loop.

        Closing it, as its destructor does, would take it from the parent's selector too.
        """
        if self._connection is not None:
            _parents.append(self._connection)
            self._connection = None

    # ---- internals

    async def _call(self, call: Call, *words: str) -> Any:
        try:
            with anyio.fail_after(self._timeout):
                return await self._retry_if_stale(call, *words)
        except (self._errors.RedisError, OSError) as error:
            await self._drop()
            raise explain(error, self.where) from error

    async def _retry_if_stale(self, call: Call, *words: str) -> Any:
        if self._connection is None:
            return await call(*words)
        try:
            return await call(*words)
        except (self._errors.ConnectionError, OSError):
            await self._drop()  # a server ends connections that were idle for long
        return await call(*words)

    async def _evaluate(self, key: str, report: str) -> Any:
        try:
            return await self._command("EVALSHA", self._digest, 1, key, report)
        except self._errors.NoScriptError:
            return await self._command("EVAL", self._script, 1, key, report)
        except self._errors.ResponseError as error:
            node = self._node_of(error)
            if node is None:
                raise
            await self.close()
            self._node = node
            return await self._command("EVAL", self._script, 1, key, report)

    def _node_of(self, error: Exception) -> dict[str, Any] | None:
        """Return the node of the cluster that has the key, if that is what the error says."""
        kind, text = self._errors.MovedError, str(error)
        if not isinstance(error, kind):
            # redis-py before 6 leaves the word in the text, later versions make it the class.
            word, _, text = text.partition(" ")
            if word != "MOVED":
                return None
        moved = kind(text)
        node = {"port": moved.port}
        return node | {"host": moved.host} if moved.host else node

    async def _command(self, *words: str | int) -> Any:
        if self._connection is None:
            self._connection = await self._connect()
        await self._connection.send_command(*words)
        # It stays open if this is cancelled: a last report may have to be sent.
        return await self._connection.read_response(disconnect_on_error=False)

    async def _connect(self) -> Any:
        connection = self._kind(**self._options | self._node)
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def _drop(self) -> None:
        self._node = {}
        await self.close()


def _where(options: dict[str, Any]) -> str:
    database = options.get("db", 0)
    if "path" in options:
        return f"unix://{options['path']}, database {database}"
    host, port = options.get("host", "localhost"), options.get("port", 6379)
    return f"redis://{host}:{port}/{database}"
