"""What encryption and the WebSocket cost: the same sweep through each transport of a simulator."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from .clients import ours

CALLS = 5_000


def _serve(told: Connection, rsa_key: bytes) -> None:
    from aiocapdist.simulator import Simulator

    async def serve() -> None:
        async with (
            Simulator(quota=None, websocket=True) as clear,
            Simulator(quota=None, rsa_key=rsa_key) as sealed,
        ):
            told.send((clear.port, clear.websocket_port, sealed.port))
            await asyncio.Event().wait()

    asyncio.run(serve())


def make_key() -> bytes:
    """A key for one run."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@contextmanager
def simulators(rsa_key: bytes) -> Iterator[tuple[int, int, int]]:
    """Ports: clear, WebSocket, encrypted."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, rsa_key), daemon=True
    )
    process.start()
    theirs.close()  # else recv() would wait for ever for a process that ended
    try:
        yield mine.recv()
    finally:
        process.terminate()
        process.join()


def measure(rounds: int) -> list[dict[str, float]]:
    """CPU per code of a sweep, in microseconds, by transport; a row for each round."""
    rsa_key = make_key()
    with ExitStack() as stack:
        clear, websocket, sealed = stack.enter_context(simulators(rsa_key))
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "key.pem"
        path.touch(mode=0o600)
        path.write_bytes(rsa_key)
        transports = {
            "clear": ours(stack, f"tcp://127.0.0.1:{clear}"),
            "encrypted (AES-CBC)": ours(stack, f"tcp://127.0.0.1:{sealed}", f"rsa_key={path}"),
            "WebSocket": ours(stack, f"ws://127.0.0.1:{websocket}"),
        }
        return [
            {name: one("sweep", CALLS)["cpu"] for name, one in transports.items()}
            for _ in range(rounds)
        ]
