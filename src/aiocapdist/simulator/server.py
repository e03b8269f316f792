"""The simulator's life: where it listens, whom it talks to."""

from __future__ import annotations

import math
import random
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Self

import anyio
from anyio.abc import ByteStream, TaskGroup

from .._connection.key_file import KeySource, load_key
from .._loop import current_clock
from .._transports.memory import MemoryListener
from ._answers import Answerer, Gateway
from ._conversation import SILENCE, Conversation
from ._listening import ListeningDoor
from ._log import LoggedRequest
from ._speech import Speech, TcpSpeech
from ._websocket import WebSocketSpeech
from ._window import Window
from .faults import NO_FAULTS, Faults

_NO_ANSWERS: Mapping[int, Answerer] = MappingProxyType({})


class Simulator:
    """OpenD without an account: ``async with Simulator() as opend``, then ``opend.port``.

    ``quota`` is (limit, period in seconds) for proto 3212, counted in closed windows over
    all connections, and again for proto 3211; None counts nothing. ``latency`` is seconds
    for each reply, or a (low, high) pair to draw from, which lets replies overtake each
    other; a request is counted at some moment on its way. ``seed`` decides figures and draws;
    figures depend on code, seed and ``now`` (a Unix clock) alone. ``language`` is ``zh`` or
    ``en``; ``super_fields=False`` is an old OpenD. ``answers`` maps further proto ids to
    functions from a request's body to the message to answer with: any protobuf message will
    do, the vendor's own too.

    ``rsa_key`` (a PEM file's path, or its bytes) lets only clients in that have the same
    key, and encrypts as they ask. ``websocket=True`` opens a WebSocket door as well, at
    ``websocket_port``: a free one unless ``websocket`` is a number. It asks for
    ``websocket_key`` if one is given, and is ``wss`` with an ``ssl_context``.

    ``faults`` is a schedule of what goes wrong (see Faults); :meth:`go_away` and
    :meth:`come_back` are a gateway that ends and is started again.

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
        rsa_key: KeySource | None = None,
        websocket: bool | int = False,
        websocket_key: str = "",
        ssl_context: ssl.SSLContext | None = None,
        seed: int = 0,
        language: str = "zh",
        super_fields: bool = True,
        keep_alive_interval: int = 10,
        server_version: int = 1011,
        now: Callable[[], float] = time.time,
        answers: Mapping[int, Answerer] = _NO_ANSWERS,
        faults: Faults = NO_FAULTS,
    ) -> None:
        _check(language, quota, latency)
        self.host = host
        self.port: int = port
        self.websocket_port: int = 0
        """Where the WebSocket door is; 0 while there is none."""
        self.requests: list[LoggedRequest] = []
        self._window = Window(*quota, count_refused=count_refused) if quota else None
        self._flow_window = Window(*quota, count_refused=count_refused) if quota else None
        self._gateway = Gateway(
            window=self._window,
            flow_window=self._flow_window,
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
        self._silence = SILENCE * (keep_alive_interval or 10)
        self._rsa_key = None if rsa_key is None else load_key(rsa_key)
        self._websocket = websocket
        self._websocket_key = websocket_key
        if websocket is not False:
            self._speak_websocket()  # tells at once where a package for it is missing
        self._ssl = ssl_context
        self._faults = faults
        self._conversations: dict[int, Conversation] = {}
        self._next_conn_id = 1
        self._memory: MemoryListener | None = None
        self._group: TaskGroup | None = None
        self._coming_and_going = anyio.Lock()

    # ---- what tests read

    @property
    def memory(self) -> MemoryListener:
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

    @property
    def largest_flow_window(self) -> int:
        """The most requests of 3211 accepted in any closed window so far."""
        return self._flow_window.largest if self._flow_window is not None else 0

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

    async def go_away(self) -> None:
        """End every connection and refuse new ones, as OpenD does when it is ended."""
        assert self._memory is not None
        self._memory.refusing = True
        async with self._coming_and_going:
            for door in self._doors:
                await door.close()
        self.disconnect_all()

    async def come_back(self) -> None:
        """Listen again, at the same ports. What was counted stays counted. Repeatable."""
        assert self._memory is not None
        assert self._group is not None
        # Two faults may make it vanish together, and each brings it back.
        async with self._coming_and_going:
            for door in self._doors:
                if not door.listening:
                    await door.open()
                    self._group.start_soon(door.serve)
        self._memory.refusing = False

    # ---- its life

    async def __aenter__(self) -> Self:
        self._clock = current_clock()
        self._doors = [ListeningDoor(self.host, self.port, partial(self._talk, self._speak_tcp))]
        if self._websocket is not False:
            port = 0 if self._websocket is True else self._websocket
            talk = partial(self._talk, self._speak_websocket)
            self._doors.append(ListeningDoor(self.host, port, talk, self._ssl))
        try:
            for door in self._doors:
                await door.open()
        except BaseException:
            await self._close_doors()
            raise
        self.port = self._doors[0].port
        if len(self._doors) > 1:
            self.websocket_port = self._doors[1].port
        self._memory = MemoryListener()
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._memory.serve, partial(self._talk, self._speak_tcp))
        for door in self._doors:
            self._group.start_soon(door.serve)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._group is not None
        self._group.cancel_scope.cancel()
        try:
            # Told of no exception, the group wraps none: the user's own leaves bare.
            await self._group.__aexit__(None, None, None)
        finally:
            await self._close_doors()

    async def _close_doors(self) -> None:
        # Whoever is cancelled wants the sockets closed all the same: every one, though
        # asyncio's own cancelling pierces a shield and ends one of the closings.
        with anyio.CancelScope(shield=True):
            async with AsyncExitStack() as stack:
                for door in self._doors:
                    stack.push_async_callback(door.close)
                if self._memory is not None:
                    stack.push_async_callback(self._memory.aclose)

    def _vanish(self, seconds: float) -> None:
        """A fault: be away for so long."""

        async def away() -> None:
            await self.go_away()
            await anyio.sleep(seconds)
            await self.come_back()

        assert self._group is not None
        self._group.start_soon(away)

    def _speak_tcp(self) -> Speech:
        # Of the one seeded source: which key a connection gets is part of what can be replayed.
        key, iv = (f"{self._random.getrandbits(64):016x}" for _ in range(2))
        return TcpSpeech(self._gateway, self._rsa_key, key, iv)

    def _speak_websocket(self) -> Speech:
        return WebSocketSpeech(self._gateway, self._websocket_key)

    async def _talk(self, speak: Callable[[], Speech], stream: ByteStream) -> None:
        conn_id = self._next_conn_id
        self._next_conn_id += 1
        conversation = Conversation(
            stream,
            speak(),
            self._gateway,
            conn_id=conn_id,
            silence=self._silence,
            delays=self._delays,
            faults=self._faults,
            go_away=self._vanish,
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


def _check(
    language: str, quota: tuple[int, float] | None, latency: float | tuple[float, float]
) -> None:
    if language not in ("zh", "en"):
        raise ValueError(f"language is 'zh' or 'en', not {language!r}")
    low, high = latency if isinstance(latency, tuple) else (latency, latency)
    if not 0 <= low <= high < math.inf:
        raise ValueError(f"latency is seconds, or a (low, high) pair of them, not {latency!r}")
    if quota is not None and not (quota[0] >= 1 and 0 < quota[1] < math.inf):
        raise ValueError(f"quota is (calls, seconds) or None, not {quota!r}")
