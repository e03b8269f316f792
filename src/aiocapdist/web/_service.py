"""The client behind the application: given, or connected for as long as the server runs."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from .._client.arguments import check_every
from .._client.base import hub_of
from .._client.client import Client
from .._client.group import ClientGroup, GroupQuota
from .._client.lifecycle import Lifecycle
from .._protocol.backoff import Backoff
from ..errors import AiocapdistError, own_copy
from ..models import Security, Status
from ..models.securities import check_codes
from ..quota import Quota
from ._errors import RETRY_AFTER, Rejection
from ._publisher import Publisher

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from ..recording import Recording

logger = logging.getLogger("aiocapdist.web")

LEAST_DELAY = 1.0
"""Seconds between two attempts to connect at least."""

AnyClient = Client | ClientGroup
Connectable = Client | ClientGroup | Lifecycle[Client] | Lifecycle[ClientGroup]


class Service:
    """A client, its watch, and what is known of both.

    Raises TypeError for what is no client, InvalidCode for a code that is not valid.
    """

    def __init__(
        self,
        client: Connectable,
        codes: Iterable[str | Security],
        every: float,
        recording: Recording | None = None,
    ) -> None:
        check_codes(codes)
        check_every(every)
        parsed = [str(Security.parse(code)) for code in codes]
        self.publisher: Publisher = Publisher(parsed, every, recording, self.summary)
        self._client: AnyClient | None = None
        self._connecting: Lifecycle[Client] | Lifecycle[ClientGroup] | None = None
        self._failure: Exception | None = None
        if isinstance(client, Client | ClientGroup):
            self._client = client
            self.publisher.attach(client)
        elif isinstance(client, Lifecycle):
            self._connecting = client.unused()
            client.use()
        else:
            kind = type(client).__name__
            raise TypeError(f"client is a client, or what connect() returns, not {kind}")

    # ---- the client

    @property
    def client(self) -> AnyClient:
        """The client. Raises why there is none yet."""
        if self._client is not None:
            return self._client
        if isinstance(self._failure, AiocapdistError):
            raise own_copy(self._failure)
        text = "not connected to OpenD yet; if this goes on, the application's lifespan never began"
        raise Rejection(503, "NotConnected", text, {"Retry-After": str(RETRY_AFTER)})

    @property
    def gateways(self) -> dict[str | None, Status]:
        """The state of each gateway's connection; a single one has no name. Empty before."""
        if isinstance(self._client, ClientGroup):
            return dict(self._client.status.items())
        return {} if self._client is None else {None: self._client.status}

    @property
    def quotas(self) -> dict[str, Quota | GroupQuota]:
        """The quota of each call. Empty before there is a client."""
        if self._client is None:
            return {}
        return {"distribution": self._client.quota, "flow": self._client.flow_quota}

    @property
    def is_ready(self) -> bool:
        """True if OpenD can be asked: any one, if there are several."""
        return any(status.state == "ready" for status in self.gateways.values())

    @property
    def state(self) -> str:
        """``ready`` if any gateway is, else the state of the connection."""
        states = [status.state for status in self.gateways.values()] or ["connecting"]
        return "ready" if "ready" in states else states[0]

    def summary(self) -> dict[str, Any]:
        """Return what readers are told of the connection, the quota and the watch."""
        publisher, watch = self.publisher, self.publisher.watch
        quota = None if self._client is None else quota_record(self._client.quota)
        reason = None
        if not self.is_ready and self._failure is not None:
            reason = str(self._failure)
        return {
            "state": self.state,
            "reason": reason,
            "quota": quota,
            "round_time": None if watch is None else watch.round_time,
            "resting": () if watch is None else watch.resting,
            "recording": None if publisher.recording is None else not publisher.recording_error,
        }

    # ---- its time

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Keep watching, and stay connected if the client is not one that was given."""
        self.publisher.want()
        try:
            async with anyio.create_task_group() as group:
                if self._connecting is not None:
                    group.start_soon(self._stay_connected, self._connecting)
                yield
                self.publisher.feed.close()
                group.cancel_scope.cancel()
        finally:
            self.publisher.unwant()

    async def _stay_connected(self, connecting: Lifecycle[Client] | Lifecycle[ClientGroup]) -> None:
        """Connect until it works, and again if the client ends."""
        backoff = Backoff(random.uniform)
        while True:
            try:
                async with connecting.unused() as client:
                    with self._using(client):
                        backoff = Backoff(random.uniform)
                        await hub_of(client).finished.wait()
            except (AiocapdistError, ModuleNotFoundError) as error:
                # Even a key or a package can be put right while the server runs.
                if str(error) != str(self._failure):
                    logger.warning("%s; serving goes on, and so do the attempts", error)
                self._failure = error
            await anyio.sleep(LEAST_DELAY + backoff.next())

    @contextmanager
    def _using(self, client: AnyClient) -> Iterator[None]:
        self._client, self._failure = client, None
        self.publisher.attach(client)
        try:
            yield
        finally:
            self.publisher.detach()
            self._client = None


def quota_record(quota: Quota | GroupQuota) -> dict[str, Any]:
    """Return how a quota stands. ``eta`` is in seconds, null if nothing says when."""
    eta = quota.eta()
    return {
        "limit": quota.limit,
        "period": quota.period,
        "available": quota.available,
        "waiting": quota.waiting,
        "rejections": quota.rejections,
        "eta": round(eta, 1) if math.isfinite(eta) else None,
    }
