"""What environment variables say about OpenD: used where ``connect()`` is not told."""

from __future__ import annotations

import os

from .address import Address, parse_address

ADDRESS = "AIOCAPDIST_ADDRESS"
"""A host or a URL, as the ``address`` of ``connect()``."""
HOST, PORT = "FUTU_OPEND_HOST", "FUTU_OPEND_PORT"
"""The vendor's variables, used if ``AIOCAPDIST_ADDRESS`` is not set."""
WEBSOCKET_KEY = "AIOCAPDIST_WEBSOCKET_KEY"
RSA_KEY = "AIOCAPDIST_RSA_KEY"
"""Path of a PEM file."""
REDIS = "AIOCAPDIST_REDIS"
"""URL of the Redis server that keeps the quota."""

DEFAULT_HOST = "127.0.0.1"


def variable(name: str) -> str | None:
    """Return a variable; None if it is not set or empty."""
    return os.environ.get(name) or None


def opend_address() -> Address:
    """Return where OpenD is. Raises ValueError that names the variable with a wrong value."""
    if (address := variable(ADDRESS)) is not None:
        return _parsed(ADDRESS, address, None)
    port = variable(PORT)
    if port is not None and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{PORT} must be a number from 1 to 65535, not {port!r}")
    host = variable(HOST) or DEFAULT_HOST
    return _parsed(HOST, host, None if port is None else int(port))


def _parsed(name: str, address: str, port: int | None) -> Address:
    try:
        return parse_address(address, port)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
