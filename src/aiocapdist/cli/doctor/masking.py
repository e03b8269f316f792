"""Hide who and where the user is in texts that may be shared. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)")


class Masker:
    """Replaces names of hosts, addresses, the user's id and home folder, once they are known.

    This machine's own name for itself (``localhost``, ``127.0.0.1``, ``::1``) is kept.
    """

    def __init__(self, *, show_all: bool = False) -> None:
        self._show_all = show_all
        self._hidden: dict[str, str] = {}

    def hide(self, text: str | int | None, placeholder: str) -> None:
        """Replace this text from now on."""
        if text and not _is_loopback(str(text)):
            self._hidden.setdefault(str(text), placeholder)

    def hide_addresses(self, addresses: Iterable[str]) -> None:
        """Replace these addresses, each by its number."""
        for number, address in enumerate(addresses, 1):
            self.hide(address, f"<address {number}>")

    def mask(self, text: str) -> str:
        """Return the text without what is hidden, and without any IPv4 address."""
        if self._show_all:
            return text
        # The longest first: a host's name may hold another's.
        for hidden in sorted(self._hidden, key=len, reverse=True):
            # Whole words, or the host `a` would be found in every sentence.
            words = rf"(?<![A-Za-z0-9.-]){re.escape(hidden)}(?![A-Za-z0-9-])"
            text = re.sub(words, self._hidden[hidden], text)
        return _IPV4.sub(lambda found: found[0] if _is_kept(found[0]) else "<address>", text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_kept(text: str) -> bool:
    """True for this machine's own address, and for what is none, such as a version."""
    try:
        return ipaddress.IPv4Address(text).is_loopback
    except ValueError:
        return True
