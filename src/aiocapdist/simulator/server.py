"""The simulator's life: where it listens, whom it talks to."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Self

import anyio
from anyio.abc import ByteStream, SocketAttribute, TaskGroup

from .._loop import current_clock
from .._transports.memory import MemoryDoor
from ._answers import Answerer, Gateway
from ._conversation import SILENCE, Conversation
from ._log import LoggedRequest
from ._window import Window

_NO_ANSWERS: Mapping[int, Answerer] = MappingProxyType({})


class Simulator:
    """OpenD without an account: ``async with Simulator() as opend``, then ``opend.port``.

    ``quota`` is (limit, period in seconds) for proto 3212, counted in closed windows over
    all connections; None counts nothing. ``latency`` is seconds for each reply, or a
    (low, high) pair to draw from, which lets replies overtake each other; a request is
    counted at some moment on its way. ``seed`` decides figures and draws; figures depend
    on code, seed and ``now`` (a Unix clock) alone. ``language`` is ``zh`` or ``en``;
    ``super_fields=False`` is an old OpenD. ``answers`` maps further proto ids to functions
    from a request's body to the message to answer with.

    Securities whose code is all nines are unknown; indices (``US..DJI``, ``HK.800000``),
    futures, FX and event contracts are unsupported. ``requests`` is the log, which grows
    while the simulator runs. Works on asyncio, uvloop and trio.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        quota: tuple[int, float] | None = (30, 30.0),
        count_refused: bool = False,
        latency: float | tuple[float, float] = 0.0,
        seed: int = 0,
        language: str = "zh",
        super_fields: bool = True,
        keep_alive_interval: int = 10,
        server_version: int = 1011,
        now: Callable[[], float] = time.time,
        answers: Mapping[int, Answerer] = _NO_ANSWERS,
    ) -> None:
        if language not in ("zh", "en"):
            raise ValueError(f"language is 'zh' or 'en', not {language!r}")
        self.host = host
        self.port = port
        self.requests: list[LoggedRequest] = []
        self._window = Window(*quota, count_refused=count_refused) if quota else None
        self._gateway = Gateway(
            window=self._window,
            seed=seed,
            language=language,
            super_fields=super_fields,
            keep_alive_interval=keep_alive_interval,
            server_version=server_version,
            now=now,
            answers=answers,
        )
        self._random = random.Random(seed)
        self._latency = latency if isinstance(latency, tuple) else (latency, latency)
        self._silence = SILENCE * keep_alive_interval
        self._conversations: dict[int, Conversation] = {}
        self._next_conn_id = 1
        self._memory: MemoryDoor | None = None
        self._group: TaskGroup | None = None

    # ---- what tests read

    @property
    def memory(self) -> MemoryDoor:
        """A way in without sockets: ``connect(opend.memory)``."""
        if self._memory is None:
            raise RuntimeError("the simulator is not running: use async with")
        return self._memory

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._conversations)

    @property
    def largest_window(self) -> int:
        """The most requests of 3212 accepted in any closed window so far."""
        return self._window.largest if self._window is not None else 0

    # ---- what tests do

    def disconnect_all(self) -> None:
        """Hang up on every client. They may come back."""
        for conversation in self._conversations.values():
            conversation.close()

    def push(self, proto_id: int, body: bytes) -> None:
        """Say something unasked to every client."""
        for conversation in self._conversations.values():
            if conversation.ready:
                conversation.push(proto_id, body)

    # ---- its life

    async def __aenter__(self) -> Self:
        self._clock = current_clock()
        listener = await anyio.create_tcp_listener(local_host=self.host, local_port=self.port)
        self.port = listener.extra(SocketAttribute.local_port)
        self._memory = MemoryDoor()
        self._listeners = (listener, self._memory)
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        for each in self._listeners:
            self._group.start_soon(each.serve, self._talk)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._group is not None
        self._group.cancel_scope.cancel()
        # Told of no exception, the group wraps none: the user's own leaves bare.
        await self._group.__aexit__(None, None, None)
        for listener in self._listeners:
            await anyio.aclose_forcefully(listener)

    async def _talk(self, stream: ByteStream) -> None:
        conn_id = self._next_conn_id
        self._next_conn_id += 1
        draw = self._random
        conversation = Conversation(
            stream,
            self._gateway,
            conn_id=conn_id,
            key=f"{draw.getrandbits(64):016x}",
            iv=f"{draw.getrandbits(64):016x}",
            silence=self._silence,
            delays=self._delays,
            clock=self._clock,
            log=self.requests,
        )
        self._conversations[conn_id] = conversation
        try:
            await conversation.run()
        finally:
            del self._conversations[conn_id]

    def _delays(self) -> tuple[float, float]:
        low, high = self._latency
        if high == 0.0:
            return 0.0, 0.0
        whole = self._random.uniform(low, high)
        there = whole * self._random.random()
        return there, whole - there
