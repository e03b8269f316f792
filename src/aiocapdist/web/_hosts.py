"""Which names the server answers to: the Host header and origins, parsed exactly. No I/O."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple, Self

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[0-9a-zA-Z._-]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[0-9a-z_]([0-9a-z_-]{0,61}[0-9a-z_])?")


class Authority(NamedTuple):
    """A host and a port, as in a Host header. IPv6 addresses are in brackets."""

    name: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name``, ``name:port``, ``[address]`` or ``[address]:port``.

        Raises ValueError for anything else: white space, a user's name, an empty port.
        """
        match = _AUTHORITY.fullmatch(text)
        if match is None or len(text) > 255:
            raise ValueError("it is no host with or without a port")
        port = None if match["port"] is None else int(match["port"])
        if port is not None and not 1 <= port <= 65535:
            raise ValueError("its port is not between 1 and 65535")
        return cls(_normal(match["name"]), port)


class AllowedHosts:
    """The hosts that requests may name.

    A host without a port is allowed with the port that the server listens on, and without
    one, as behind a proxy. A host with a port is allowed with that port alone.

    Raises ValueError for what is no host.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        if isinstance(hosts, str):
            raise TypeError(f"allow_hosts is a list of hosts, not one string; try [{hosts!r}]")
        self._allowed = {Authority(name, None) for name in LOOPBACK}
        for text in hosts:
            try:
                self._allowed.add(Authority.parse(text))
            except ValueError as error:
                expected = "expected a name such as opend.example, or opend.example:8321"
                raise ValueError(f"{text!r} cannot be allowed: {error}; {expected}") from None

    def accept(self, host: Authority, listening_on: int | None) -> bool:
        """True if a request with this Host may be answered, on this port of ours."""
        if host in self._allowed:
            return True
        return host.port == listening_on and Authority(host.name, None) in self._allowed


def is_same_origin(origin: str, host: Authority) -> bool:
    """True if a browser's page of this origin was loaded from this host and port."""
    scheme, separator, rest = origin.partition("://")
    if not separator or scheme not in DEFAULT_PORTS:
        return False  # "null" too
    try:
        there = Authority.parse(rest)
    except ValueError:
        return False
    default = DEFAULT_PORTS[scheme]
    return (there.name, there.port or default) == (host.name, host.port or default)


def is_loopback(address: str) -> bool:
    """True if this address is of this machine itself."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address == "localhost"
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def _normal(name: str) -> str:
    """Return a host in its one form. Raises ValueError if it is none."""
    if name.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(name[1:-1])}]"
        except ValueError:
            raise ValueError("it is no IPv6 address") from None
    name = name.lower()
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("it is no name of a host")
    return name
