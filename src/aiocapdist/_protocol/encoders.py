"""Encode the requests that every program sends, without loading protobuf."""

from __future__ import annotations

from ..models import Security
from .wire_format import encode_fields


class CapitalDistributionEncoder:
    """Encodes requests of 3212, whose bytes differ in little but the symbol."""

    def __init__(self, security_firm: int | None = None) -> None:
        self.security_firm: int | None = security_firm
        """The number that goes into each request's header."""
        header = {} if security_firm is None else {100: encode_fields({1: security_firm})}
        self._end = encode_fields(header)
        # What is before the symbol, by market and length of the symbol.
        self._heads: dict[tuple[int, int], bytes] = {}

    def encode(self, security: Security) -> bytes:
        """Return the body of a request for this security."""
        market, text = security
        symbol = text.encode()
        head = self._heads.get((market, len(symbol)))
        if head is None:
            c2s = encode_fields({1: encode_fields({1: market, 2: symbol})}) + self._end
            head = encode_fields({1: c2s}).removesuffix(symbol + self._end)
            self._heads[market, len(symbol)] = head
        return head + symbol + self._end


def encode_keep_alive(utc: float) -> bytes:
    """Return the body of a 1004 request sent at this Unix time."""
    return encode_fields({1: encode_fields({1: int(utc)})})
