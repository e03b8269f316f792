"""After a blocked loop, replies that arrived meanwhile are read before any call times out."""

from __future__ import annotations

import socket
import threading
import time

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota
from aiocapdist._protocol.frames import FrameDecoder, encode_frame

from ..support.scripted_server import figures_reply, init_reply
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio
CALLS = 6_000
TIMEOUT = 6.0  # sending takes 1 to 2 s of it


class ThreadedServer(threading.Thread):
    """Accepts one client; answers all requests at once when told to. Independent of the loop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.received = 0
        self.answer = threading.Event()

    def run(self) -> None:
        with self._listener:
            connection, _ = self._listener.accept()
        decoder = FrameDecoder(lambda proto_id: 2**20)
        serials: list[int] = []
        with connection:
            while len(serials) < CALLS:
                for frame in decoder.feed(connection.recv(65_536)):
                    if frame.proto_id == 1001:
                        body = init_reply(1).SerializeToString()
                        connection.sendall(encode_frame(1001, frame.serial, body))
                    elif frame.proto_id == 3212:
                        serials.append(frame.serial)
                self.received = len(serials)
            body = figures_reply(5.0).SerializeToString()
            self.answer.wait()
            connection.sendall(b"".join(encode_frame(3212, serial, body) for serial in serials))
            while connection.recv(65_536):
                pass


async def test_6000_replies_that_arrived_while_the_loop_was_blocked_are_all_in_time() -> None:
    server = ThreadedServer()
    server.start()
    with anyio.fail_after(60):
        async with (
            aiocapdist.connect(
                port=server.port,
                quota=Quota(10 * CALLS, 1.0),
                attempts=1,
                request_timeout=TIMEOUT,
            ) as client,
            anyio.create_task_group() as group,
        ):
            calls = [Call(group, client.capital_distribution, f"HK.{n:05d}") for n in range(CALLS)]
            await until(lambda: server.received == CALLS)
            server.answer.set()
            time.sleep(TIMEOUT + 0.2)  # noqa: ASYNC251 - the loop is blocked on purpose
            values = [await call.value() for call in calls]
            assert {value.capital_in_big for value in values} == {5.0}
            assert client.status.reconnects == 0
    server.join(5)
