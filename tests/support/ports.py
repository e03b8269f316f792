"""A port that is kept for a test: others that ask for a free one do not get it meanwhile."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Take a port at which nobody listens: who connects is refused. OSError if it is taken.

    On Linux the test can listen there itself, and again, with SO_REUSEADDR; elsewhere a port
    is either kept or listened at, and is free from here on.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as kept:
        if sys.platform == "linux":
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind((host, port))
        port = kept.getsockname()[1]
        if sys.platform != "linux":
            kept.close()
        yield port
