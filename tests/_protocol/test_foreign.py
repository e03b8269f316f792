"""Other protocols, known by the first bytes that a peer sends."""

from __future__ import annotations

import pytest

from aiocapdist._protocol.foreign import foreign_data, foreign_protocol, protocol_of


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (b"\x15\x03\x01\x00\x02", "TLS"),
        (b"HTTP/1.1 400 Bad Request", "HTTP"),
        (b"<html><body>", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.6", "SSH"),
        (b"-ERR unknown command", "Redis"),
        (b"+PONG\r\n", "Redis"),
        (b"220 mail.example.org ESMTP", "SMTP or FTP"),
    ],
)
def test_a_known_protocol_is_named(data: bytes, protocol: str) -> None:
    assert protocol_of(data) == protocol
    error = foreign_data(data, "expected something else")
    assert (str(error), error.protocol) == (
        f"the peer speaks {protocol}, not OpenD's protocol",
        protocol,
    )
    assert foreign_protocol(protocol).protocol == protocol


def test_of_an_unknown_protocol_two_bytes_are_shown() -> None:
    error = foreign_data(b"secret", "expected a frame")
    assert error.protocol is None
    assert str(error).endswith("it sent b'se', expected a frame")
    assert protocol_of(b"secret") is None
