"""Options that several commands share: where OpenD is, and which quota to spend from."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias
from urllib.parse import quote

from cyclopts import Parameter
from cyclopts.validators import Number

from .formats import Colors, SortField
from .language import tr
from .streams import report

if TYPE_CHECKING:
    from .._client.connect import Connecting
    from ..quota import Quota

DEFAULT_ADDRESS = "127.0.0.1"
MAX_TABLES = 3
"""More codes than this are shown as one line each."""
RECONNECT_TIMEOUT = 60.0
"""Seconds without a connection after which codes fail: enough to restart OpenD."""
RSA_VARIABLE = "AIOCAPDIST_RSA_KEY"
REDIS_VARIABLE = "AIOCAPDIST_REDIS"
Seconds: TypeAlias = Annotated[float, Parameter(validator=Number(gt=0, lt=math.inf))]
RedisUrl: TypeAlias = Annotated[str | None, Parameter(env_var=REDIS_VARIABLE, show_env_var=True)]
"""In the environment a password in the URL is not visible to other users of the machine."""


@Parameter(name="*")
@dataclass(frozen=True)
class AddressOptions:
    """Where OpenD is.

    Parameters
    ----------
    address
        Address of OpenD: a host, host:port, or tcp://, ws:// or wss://host:port. [env var:
        AIOCAPDIST_ADDRESS]
    host
        Host of OpenD, in place of --address. [env var: FUTU_OPEND_HOST] [default: 127.0.0.1]
    port
        Port of OpenD, in place of --address. [env var: FUTU_OPEND_PORT] [default: 11111]
    """

    address: str | None = None
    host: str | None = None
    port: Annotated[int | None, Parameter(validator=Number(gte=1, lte=65535))] = None

    @property
    def is_default(self) -> bool:
        """True if no option says where OpenD is."""
        return self.address is None and self.host is None and self.port is None

    @property
    def opend(self) -> str:
        """Address of OpenD. Raises ValueError for options that exclude each other."""
        if self.address is not None:
            if self.host is not None or self.port is not None:
                raise ValueError(tr("--address and --host or --port: leave out one"))
            return self.address
        if self.host is not None or self.port is not None:
            return _joined(self.host, self.port)
        from .._connection import environment

        environment.opend_address()  # raises an error that names the variable
        return environment.variable(environment.ADDRESS) or _joined(
            environment.variable(environment.HOST), environment.variable(environment.PORT)
        )


@Parameter(name="*")
@dataclass(frozen=True)
class KeyOptions:
    """Keys of OpenD.

    Parameters
    ----------
    rsa_key
        PEM file of OpenD's RSA key: encrypts a TCP connection.
    websocket_key
        Key of OpenD's WebSocket. Prefer the environment variable: other users can see options.
    """

    rsa_key: Annotated[Path | None, Parameter(env_var=RSA_VARIABLE, show_env_var=True)] = None
    websocket_key: Annotated[
        str | None, Parameter(env_var="AIOCAPDIST_WEBSOCKET_KEY", show_env_var=True)
    ] = None


@Parameter(name="*")
@dataclass(frozen=True)
class ConnectionOptions(KeyOptions, AddressOptions):
    """How to connect to OpenD."""

    def connect(self, quota: Quota | None, **more: Any) -> Connecting:
        """Return the client to enter; ``more`` are arguments of :func:`aiocapdist.connect`.

        Raises ValueError for a wrong address.
        """
        from .. import Quota, connect

        # Keys in the environment are ignored for other transports instead of rejected.
        is_websocket = self.opend.startswith(("ws://", "wss://"))
        given = self.rsa_key is not None and str(self.rsa_key) != os.environ.get(RSA_VARIABLE)
        return connect(
            self.opend,
            quota=Quota() if quota is None else quota,  # else the environment would decide
            rsa_key=None if is_websocket and not given else self.rsa_key,
            websocket_key=self.websocket_key if is_websocket else None,
            reconnect_timeout=RECONNECT_TIMEOUT,
            **more,
        )


@Parameter(name="*")
@dataclass(frozen=True)
class QuotaOptions:
    """Which quota to spend from.

    Parameters
    ----------
    quota
        auto: all your runs for this OpenD share one file; none: this run counts only its own
        calls.
    quota_file
        Share the quota in this file with other programs on this machine.
    quota_redis
        Share the quota on this Redis server with other machines: redis://host:6379/0.
    quota_key
        Redis key of that quota. By default it is made from the user id.
    """

    quota: Literal["auto", "none"] = "auto"
    quota_file: Path | None = None
    quota_redis: RedisUrl = None
    quota_key: str | None = None

    @property
    def is_default(self) -> bool:
        """True if no option names a quota; the environment does not count."""
        return self.quota == "auto" and not self._names_quota

    def make_quota(self, address: str) -> Quota | None:
        """Return the quota to spend from; None to count the calls of this run alone.

        Raises ValueError for options that exclude each other and for an invalid URL,
        ModuleNotFoundError without the extra ``redis``, QuotaUnavailable for a file on Windows.
        """
        if self.quota == "none":
            if self._names_quota:
                raise ValueError(tr("--quota none and an option that names a quota: leave out one"))
            return None
        redis = redis_url(self.quota_file, self.quota_redis, self.quota_key)
        if redis is not None:
            from ..quota import RedisQuota

            try:
                return RedisQuota(redis, key=self.quota_key)
            except ValueError as error:
                name = "--quota-redis" if _given(redis) else REDIS_VARIABLE
                raise ValueError(f"{name}: {error}") from None
        file = self.quota_file or _prepared(default_quota_file(address))
        if file is None:
            return None
        from ..quota import FileQuota

        return FileQuota(file)

    @property
    def _names_quota(self) -> bool:
        return bool(self.quota_file or self.quota_key or _given(self.quota_redis))


@Parameter(name="*")
@dataclass(frozen=True)
class RankingOptions:
    """How lines of a table are ranked and drawn.

    Parameters
    ----------
    sort
        Show one line for each code, the largest of this field first.
    top
        Show only this many lines, the first ones.
    colors
        Colours of inflow and outflow: us (green and red), cn (red and green) or none.
    """

    sort: SortField | None = None
    top: Annotated[int | None, Parameter(validator=Number(gte=1))] = None
    colors: Colors = "us"


@Parameter(name="*")
@dataclass(frozen=True)
class TableOptions(RankingOptions):
    """What tables look like.

    Parameters
    ----------
    detail
        Show a whole table for each code, however many there are.
    """

    detail: Annotated[bool, Parameter(negative=())] = False

    def is_ranking(self, count: int) -> bool:
        """True if ``count`` codes are shown as one line each."""
        if self.sort is not None or self.top is not None:
            return True
        return count > MAX_TABLES and not self.detail

    @property
    def sort_field(self) -> SortField:
        """Field that lines are ranked by."""
        return self.sort or "main_ratio"


def default_quota_file(address: str) -> Path | None:
    """Return the file that the user's commands share for the OpenD at this address.

    Returns None on Windows and for users without a home. Raises ValueError for a wrong
    address.
    """
    from .._connection.address import parse_address

    _, host, port = parse_address(address, None)
    if host in ("localhost", "::1"):
        host = "127.0.0.1"
    base = os.environ.get("XDG_STATE_HOME", "")
    try:
        folder = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:  # no home
        return None
    name = f"{quote(host, safe='')}_{port}.quota"
    return None if sys.platform == "win32" else folder / "aiocapdist" / "quota" / name


def _joined(host: str | None, port: int | str | None) -> str:
    """Return an address of a host and a port, or of the default ones."""
    host = host or DEFAULT_ADDRESS
    if not port:
        return host
    return f"[{host}]:{port}" if host.count(":") > 1 else f"{host}:{port}"


def _prepared(file: Path | None) -> Path | None:
    """Create the file's folder, for its user alone; None if that is not possible."""
    if file is None:
        return None
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        text = tr(
            "no quota file in {folder} ({reason}): this run counts its own calls alone",
            folder=file.parent,
            reason=error.strerror,
        )
        report(text)
        return None
    return file


def redis_url(file: Path | None, redis: str | None, key: str | None) -> str | None:
    """Return the Redis server to use, or None; a file overrides the environment's server.

    Raises ValueError for options that exclude each other.
    """
    if file is not None and (redis := _given(redis)) is not None:
        raise ValueError(
            tr("a quota is kept either in a file or on a Redis server: name one of them")
        )
    if key is not None and redis is None:
        raise ValueError(tr("a key belongs to a quota on a Redis server: name the server too"))
    return redis


def _given(redis: str | None) -> str | None:
    """Return the server if it was given as an option, None if by the environment."""
    return None if redis == os.environ.get(REDIS_VARIABLE) else redis
