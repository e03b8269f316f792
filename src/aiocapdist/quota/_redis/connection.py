"""The way to a Redis server: one connection and one script.

redis-py's connection is used bare, without its client and pool: one exchange at a time, and
after anything unforeseen the connection is given up, so that no answer meets another question.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.resources import files
from typing import Any, TypeAlias

import anyio

from ..._extras import needs_extra
from .reasons import explain

Call: TypeAlias = Callable[..., Awaitable[Any]]

# An exchange as a whole has its time, and is made again as a whole.
_OPTIONS: dict[str, Any] = {
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "retry": None,
    "retry_on_timeout": False,
    "health_check_interval": 0,
    "protocol": 2,
    "decode_responses": True,
}


class RedisServer:
    """At most one connection to the server that ``url`` names.

    A call that takes longer than ``patience`` seconds is given up. Raises ValueError for what
    is no URL of a Redis server, ModuleNotFoundError where redis-py is not installed.
    """

    def __init__(self, url: str, patience: float) -> None:
        with needs_extra("redis", "RedisQuota"):
            from redis import exceptions
            from redis.asyncio import connection
        self._errors: Any = exceptions
        try:
            options: dict[str, Any] = dict(connection.parse_url(url))
            self._kind: Any = options.pop("connection_class", connection.Connection)
            self._options = options | _OPTIONS
            self._kind(**self._options)
        except (AttributeError, TypeError, ValueError):
            # Its own words may quote the password.
            raise ValueError(
                "url names a Redis server: redis://host:6379/0, rediss://… or unix:///path"
            ) from None
        self.where = _where(options)
        """Host, port and database, or the socket's path: no password."""
        self._script = files("aiocapdist.quota._redis").joinpath("exchange.lua").read_text("utf-8")
        self._digest = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._patience = patience
        self._connection: Any = None
        self._node: dict[str, Any] = {}  # of a cluster, the one that has the key

    # ---- calls; each raises QuotaUnavailable where it cannot be done

    async def ask(self, *words: str) -> Any:
        """The answer to one command, which changes nothing."""
        return await self._call(self._command, *words)

    async def exchange(self, key: str, errand: str) -> Any:
        """Do this errand (see .errand) with the book at ``key``: the script's answer."""
        return await self._call(self._evaluate, key, errand)

    async def leave(self, key: str, errand: str) -> None:
        """Tell a last errand over the connection there is, if any. Waits for nothing.

        What the server has read before the end of a connection, it does.
        """
        if self._connection is not None:
            with anyio.move_on_after(0), suppress(self._errors.RedisError, OSError):
                await self._connection.send_command("EVALSHA", self._digest, 1, key, errand)

    async def close(self) -> None:
        """End the connection. Waits for nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    # ---- inside

    async def _call(self, call: Call, *words: str) -> Any:
        try:
            with anyio.fail_after(self._patience):
                return await self._try_again_if_stale(call, *words)
        except (self._errors.RedisError, OSError) as error:
            await self._give_up()
            raise explain(error, self.where) from error

    async def _try_again_if_stale(self, call: Call, *words: str) -> Any:
        if self._connection is None:
            return await call(*words)
        try:
            return await call(*words)
        except (self._errors.ConnectionError, OSError):
            await self._give_up()  # a server ends connections that were idle for long
        return await call(*words)

    async def _evaluate(self, key: str, errand: str) -> Any:
        try:
            return await self._command("EVALSHA", self._digest, 1, key, errand)
        except self._errors.NoScriptError:
            return await self._command("EVAL", self._script, 1, key, errand)
        except self._errors.ResponseError as error:
            node = _node_of(error)
            if node is None:
                raise
            await self.close()
            self._node = node
            return await self._command("EVAL", self._script, 1, key, errand)

    async def _command(self, *words: str | int) -> Any:
        if self._connection is None:
            self._connection = await self._connect()
        await self._connection.send_command(*words)
        # It stays open where this is cancelled: a last errand may have to be told.
        return await self._connection.read_response(disconnect_on_error=False)

    async def _connect(self) -> Any:
        connection = self._kind(**self._options | self._node)
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def _give_up(self) -> None:
        self._node = {}
        await self.close()


def _node_of(error: Exception) -> dict[str, Any] | None:
    """Where else in its cluster the key is, where that is what the error says."""
    # Later versions of redis-py make a class of the first word, earlier ones leave it.
    said = f"{type(error).__name__} {error}"
    found = re.fullmatch(r"(?:MovedError|ResponseError MOVED) \d+ (.*):(\d+)", said)
    if found is None:
        return None
    port = {"port": int(found[2])}
    return port | {"host": found[1]} if found[1] else port


def _where(options: dict[str, Any]) -> str:
    database = options.get("db", 0)
    if "path" in options:
        return f"unix://{options['path']}, database {database}"
    host, port = options.get("host", "localhost"), options.get("port", 6379)
    return f"redis://{host}:{port}/{database}"
