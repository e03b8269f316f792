"""Recognise other protocols by the first bytes that a peer sends."""

from __future__ import annotations

from ..errors import ProtocolError

# Bytes that a server of the protocol begins with, on its own or in reply to our handshake.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x15\x03", "TLS"),  # an alert: our bytes are no TLS hello
    (b"\x16\x03", "TLS"),
    (b"HTTP/", "HTTP"),
    (b"<!DOCTYPE", "HTTP"),  # error pages of servers that took us for HTTP/0.9
    (b"<html", "HTTP"),
    (b"SSH-", "SSH"),
    (b"-ERR", "Redis"),
    (b"-NOAUTH", "Redis"),
    (b"-DENIED", "Redis"),
    (b"+PONG", "Redis"),
    (b"RFB ", "VNC"),
    (b"220", "SMTP or FTP"),
    (b"* OK", "IMAP"),
    (b"+OK", "POP3"),
)
_SHOWN = 2  # bytes of an unknown protocol that an error shows: more could be data of somebody


class ForeignProtocol(ProtocolError):
    """Raised when the peer speaks another protocol.

    ``protocol`` is its name, None if it is not known.
    """

    def __init__(self, reason: str, protocol: str | None) -> None:
        super().__init__(reason)
        self.protocol = protocol


def foreign_data(data: bytes, expected: str) -> ForeignProtocol:
    """Build the error for the first bytes of a message that is not OpenD's."""
    protocol = protocol_of(data)
    if protocol is not None:
        return foreign_protocol(protocol)
    reason = f"the peer does not speak OpenD's protocol: it sent {data[:_SHOWN]!r}, {expected}"
    return ForeignProtocol(reason, None)


def foreign_protocol(protocol: str) -> ForeignProtocol:
    """Build the error for a peer that speaks this other protocol."""
    return ForeignProtocol(f"the peer speaks {protocol}, not OpenD's protocol", protocol)


def protocol_of(data: bytes) -> str | None:
    """Return the name of the protocol that begins with these bytes; None if unknown."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    return None
