"""Encode InitConnect (1001), the handshake over TCP, and decode its reply."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from ..errors import ProtocolError
from .ciphers import Algorithm
from .codec import PROGRAMMING_LANGUAGE
from .frames import PROTOBUF
from .wire_format import UnusualMessage, decode_fields, encode_fields

CLIENT_VERSION = 1011  # the version of OpenD that our messages were written for: 10.11


class InitConnectReply(NamedTuple):
    """What OpenD states about itself and the connection. ``keep_alive_interval`` is in seconds."""

    server_version: int
    login_user_id: int
    conn_id: int
    key: str | bytes
    keep_alive_interval: int
    iv: str | bytes


def encode_init_connect(client_id: str, algorithm: Algorithm) -> bytes:
    """Return the body of a 1001 request."""
    c2s: dict[int, int | bytes] = {
        1: CLIENT_VERSION,
        2: client_id.encode(),
        3: True,  # recvNotify
        4: algorithm.value,
        5: PROTOBUF,  # of what OpenD pushes
        6: PROGRAMMING_LANGUAGE.encode(),
    }
    return encode_fields({1: encode_fields(c2s)})


def decode_init_connect(body: bytes) -> InitConnectReply:
    """Decode a reply to 1001. Raises OpenDError or ProtocolError."""
    with suppress(UnusualMessage):
        return _read_usual(body)
    return _parse(body)


def _read_usual(body: bytes) -> InitConnectReply:
    """Read a success. Raises UnusualMessage for anything else."""
    reply = decode_fields(body)
    s2c = reply.get(4)
    if reply.get(1) != 0 or not isinstance(s2c, bytes):
        raise UnusualMessage
    fields = decode_fields(s2c)
    match [fields.get(number) for number in range(1, 6)]:
        case [int(version), int(user), int(conn_id), bytes(key), int(interval)]:
            iv = fields.get(6, b"")
            if max(version, interval) < 2**31 and isinstance(iv, bytes):
                return InitConnectReply(version, user, conn_id, key, interval, iv)
    raise UnusualMessage


def _parse(body: bytes) -> InitConnectReply:
    from .._pb import init_connect_pb2
    from .response import decode_message

    response = decode_message(body, init_connect_pb2.Response)
    if not response.HasField("s2c"):
        raise ProtocolError("OpenD accepted the handshake but sent no connection data")
    s2c = response.s2c
    return InitConnectReply(
        *(s2c.serverVer, s2c.loginUserID, s2c.connID),
        *(s2c.connAESKey, s2c.keepAliveInterval, s2c.aesCBCiv),
    )
