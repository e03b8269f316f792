"""Parse the address of OpenD that a user gives."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORTS = {"tcp": 11111, "ws": 33333, "wss": 33333}
_EXTRA_PARTS = "it has parts beyond host and port"


class Address(NamedTuple):
    """Scheme, host and port of OpenD."""

    scheme: str
    host: str
    port: int


def parse_address(address: str, port: int | None) -> Address:
    """Parse ``host``, ``host:port`` or ``scheme://host:port``. Raises ValueError."""
    text = address if "://" in address else f"tcp://{_bracketed(address)}"
    try:
        parts = urlsplit(text)
        given = parts.port
    except ValueError as error:
        # The text of urllib's error may hold user name and password.
        reason = _EXTRA_PARTS if "@" in text else str(error)
        if reason.startswith("Port"):
            reason = "its port is not a number from 1 to 65535"
        raise _wrong(address, reason) from None
    if parts.scheme not in DEFAULT_PORTS:
        raise _wrong(address, f"unknown scheme {parts.scheme!r}")
    if not parts.hostname or any(ch.isspace() or not ch.isprintable() for ch in text):
        raise _wrong(address, "it names no host")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise _wrong(address, _EXTRA_PARTS)
    if given is not None and port is not None and given != port:
        raise ValueError(f"address {address!r} says port {given}, and port={port} was given too")
    number = port if port is not None else given
    return Address(parts.scheme, parts.hostname, _checked(number, parts.scheme))


def _bracketed(address: str) -> str:
    """Return an IPv6 address in brackets, as URLs need it."""
    return f"[{address}]" if address.count(":") > 1 and "[" not in address else address


def _checked(port: int | None, scheme: str) -> int:
    if port is None:
        return DEFAULT_PORTS[scheme]
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"port must be an integer from 1 to 65535, not {port!r}")
    return port


def _wrong(address: str, reason: str) -> ValueError:
    # The part before an @ may hold a password.
    shown = address.rpartition("@")[2]
    return ValueError(
        f"invalid address {shown!r}: {reason}; "
        "expected a host such as '127.0.0.1' or a URL such as 'tcp://127.0.0.1:11111' or "
        "'ws://127.0.0.1:33333'"
    )
