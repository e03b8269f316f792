"""Texts of errors about connecting."""

from __future__ import annotations

import errno
import socket
import ssl
from itertools import pairwise

import anyio
import pytest

from aiocapdist import AiocapdistError, BackendError, HandshakeError, OpenDError, ProtocolError
from aiocapdist._connection.connect_errors import (
    explain_connect,
    explain_handshake,
    internal_error,
    reason_of,
)
from aiocapdist._connection.endpoint import Endpoint
from aiocapdist._protocol.tcp_codec import TcpCodec
from aiocapdist._transports.tcp import TcpConnector
from aiocapdist._transports.websocket import WebSocketConnector

TCP = TcpConnector("nas.local", 22222)
START = "start OpenD and log in, and check that its API port is 22222"


def chained(*errors: BaseException) -> BaseException:
    """Return the first error, each with the next one as its cause."""
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "Connection reset"),
        (ConnectionResetError("OpenD closed the connection"), "OpenD closed the connection"),
        (ProtocolError("a frame begins with b'HT'"), "a frame begins with b'HT'"),
        (anyio.BrokenResourceError(), "BrokenResourceError"),
        (OSError(), "OSError"),
    ],
)
def test_a_reason_is_the_errors_text_else_the_name_of_its_class(
    cause: Exception, reason: str
) -> None:
    assert reason_of(cause).startswith(reason)


def distrust(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (REFUSED, "the connection was refused", START),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "the host name cannot be resolved",
            "check its spelling",
        ),
        (
            TimeoutError(),
            "no answer within 2.5 s",
            "check the address, and that no firewall is in between",
        ),
        (
            distrust(18, "self-signed certificate"),
            "its certificate is not trusted: self-signed certificate",
            "give an ssl_context that trusts it, made from OpenD's certificate",
        ),
        (
            distrust(62, "Hostname mismatch."),
            "its certificate is not trusted: Hostname mismatch",
            "connect by a name that is in the certificate",
        ),
        (
            ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
            "TLS failed: [SSL: WRONG_VERSION_NUMBER] wrong version number",
            "check that OpenD's WebSocket port has TLS switched on; if not, use ws://",
        ),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host", START),
        (OSError("what no one has a name for"), "what no one has a name for", START),
    ],
)
def test_a_failed_connection_is_explained_with_a_hint(
    error: Exception, reason: str, hint: str
) -> None:
    told = explain_connect(error, TCP, 2.5)
    assert (told.host, told.port) == ("nas.local", 22222)
    assert (told.reason, told.hint) == (reason, hint)
    assert str(told) == f"cannot connect to OpenD at nas.local:22222: {reason}; {hint}"
    assert told.__cause__ is error
    assert not isinstance(told, HandshakeError)


@pytest.mark.parametrize(
    ("kind", "error", "reason", "hint"),
    [
        ("ws", REFUSED, "the connection was refused", "check that its WebSocket port is 22222"),
        ("ws", RESET, "Connection reset by peer", "check that its WebSocket port is 22222"),
        ("wss", REFUSED, "the connection was refused", "check that its WebSocket port is 22222"),
        *(
            (
                "wss",
                closed,
                "the peer closed the connection during the TLS handshake",
                "has TLS switched on",
            )
            for closed in (RESET, ssl.SSLEOFError(8, "EOF"), ssl.SSLZeroReturnError(6, "closed"))
        ),
        ("wss", ssl.SSLError(1, "wrong version"), "TLS failed: wrong version", "use ws://"),
    ],
)
def test_hints_for_a_websocket_name_its_port(
    kind: str, error: Exception, reason: str, hint: str
) -> None:
    told = explain_connect(error, WebSocketConnector(kind, TCP, 2**20), 2.5)
    assert told.reason == reason
    assert hint in told.hint


@pytest.mark.parametrize(
    "wrapped",
    [
        chained(OSError("All connection attempts failed"), REFUSED),
        chained(OSError("All failed"), ExceptionGroup("", [REFUSED, OSError("other")])),
        chained(OSError("outer"), OSError("middle"), ExceptionGroup("", [REFUSED])),
    ],
    ids=["wrapped", "in a group", "deep down"],
)
def test_the_operating_systems_error_is_unwrapped(wrapped: Exception) -> None:
    told = explain_connect(wrapped, TCP, 2.5)
    assert told.reason == "the connection was refused"
    assert told.__cause__ is REFUSED


def endpoint(kind: str) -> Endpoint:
    """Return an endpoint of this kind."""
    connector = TCP if kind in ("clear", "sealed") else WebSocketConnector(kind, TCP, 2**20)
    return Endpoint(
        connector, lambda: TcpCodec(client_id="", max_frame=1), kind in ("sealed", "wss")
    )


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (OpenDError(-1, "版本过低", 7), "OpenD refused: 版本过低"),
        (BackendError(-200, ""), "OpenD refused: -200"),
        (
            ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
            "the handshake failed: Connection reset by peer",
        ),
    ],
)
def test_a_failed_handshake_has_the_text_of_opend_or_of_the_system(
    cause: Exception, reason: str
) -> None:
    told = explain_handshake(cause, endpoint("clear"))
    assert isinstance(told, HandshakeError)
    assert (told.host, told.port) == ("nas.local", 22222)
    assert told.reason == reason
    assert told.__cause__ is cause


@pytest.mark.parametrize(
    ("kind", "hints"),
    [
        ("clear", ["API port, not its WebSocket or telnet port", "then give rsa_key"]),
        ("sealed", ["the same RSA key as rsa_key", "API port"]),
        ("ws", ["OpenD's WebSocket port", "websocket_key is the key set in OpenD"]),
        ("wss", ["OpenD's WebSocket port", "websocket_key is the key set in OpenD"]),
    ],
)
def test_the_hint_of_a_failed_handshake_depends_on_the_transport(
    kind: str, hints: list[str]
) -> None:
    told = explain_handshake(ProtocolError("no"), endpoint(kind))
    assert isinstance(told, HandshakeError)
    assert all(hint in told.hint for hint in hints), told.hint


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_an_internal_error_is_never_a_group(depth: int) -> None:
    fault: BaseException = ZeroDivisionError("division by zero")
    group = fault
    for _ in range(depth):
        group = BaseExceptionGroup("unhandled errors in a TaskGroup", [group])
    told = internal_error(group)
    assert type(told) is AiocapdistError
    assert told.__cause__ is fault
    text = "internal error, please report it: ZeroDivisionError('division by zero')"
    assert str(told) == text
