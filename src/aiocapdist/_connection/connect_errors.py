"""Errors about connecting: what went wrong, in words, and what to try."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._protocol.foreign import ForeignProtocol, protocol_of
from .._transports.errors import AddressesFailed, NotWebSocket
from ..errors import AiocapdistError, ConnectError, HandshakeError, OpenDError
from .address import Address
from .endpoint import Endpoint

if TYPE_CHECKING:
    from .._transports.base import Connector

_NAME_MISMATCH = (62, 64)  # OpenSSL's codes: valid, but for another host name or address
# Which of them it is depends on Python's version and on the event loop.
_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_TLS_HINT = "check that OpenD's WebSocket port has TLS switched on; if not, use ws://"


def reason_of(cause: BaseException) -> str:
    """Return an error's own text, else the name of its class."""
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def explain_connect(
    error: Exception, connector: Connector | Address, timeout: float
) -> ConnectError:
    """Build the error for a connection that could not be opened within ``timeout`` seconds.

    For a host name, the reason names each address that was tried and what happened there.
    """
    causes = error.causes if isinstance(error, AddressesFailed) else {"": _root(error)}
    explained = {
        address: _explain(_root(cause), connector, timeout) for address, cause in causes.items()
    }
    # The most telling hint: silence may have any reason, another answer has one.
    address = next((a for a, cause in causes.items() if not _timed_out(cause)), next(iter(causes)))
    reason = _by_address({address: reason for address, (reason, _) in explained.items()})
    failure = ConnectError(connector.host, connector.port, reason, explained[address][1])
    failure.__cause__ = _root(causes[address])
    return failure


def _timed_out(cause: BaseException) -> bool:
    return isinstance(_root(cause), TimeoutError)


def _by_address(reasons: Mapping[str, str]) -> str:
    """Return the reasons in one line, each with the addresses that it is about."""
    addresses: dict[str, list[str]] = {}
    for address, reason in reasons.items():
        addresses.setdefault(reason, []).append(address)
    if "" in reasons:
        return reasons[""]
    return ", ".join(f"{reason} ({', '.join(where)})" for reason, where in addresses.items())


def _explain(
    root: BaseException, connector: Connector | Address, timeout: float
) -> tuple[str, str]:
    """Return what happened, and what to try."""
    port = "WebSocket port" if connector.scheme in ("ws", "wss") else "API port"
    start = f"start OpenD and log in, and check that its {port} is {connector.port}"
    if isinstance(root, socket.gaierror):
        return "the host name cannot be resolved", "check its spelling"
    if isinstance(root, TimeoutError):
        hint = "check the address, and that no firewall is in between"
        return f"no answer within {timeout:g} s", hint
    if isinstance(root, ssl.SSLCertVerificationError):
        hint = "give an ssl_context that trusts it, made from OpenD's certificate"
        if root.verify_code in _NAME_MISMATCH:
            hint = "connect by a name that is in the certificate"
        return f"its certificate is not trusted: {root.verify_message.rstrip('.')}", hint
    if isinstance(root, ConnectionRefusedError):
        return "the connection was refused", start
    if connector.scheme == "wss" and isinstance(root, _CLOSED):
        # TCP was connected: the peer closed when the TLS handshake began.
        return "the peer closed the connection during the TLS handshake", _TLS_HINT
    if isinstance(root, ssl.SSLError):
        # Errors raised by Python code, not by OpenSSL, have no reason attribute.
        return f"TLS failed: {getattr(root, 'reason', None) or reason_of(root)}", _TLS_HINT
    return reason_of(root), start


def foreign_protocol_of(cause: Exception) -> str | None:
    """Return the protocol that the peer speaks instead of OpenD's; None if the cause tells none."""
    if isinstance(cause, ForeignProtocol):
        return cause.protocol
    return protocol_of(cause.first_bytes) if isinstance(cause, NotWebSocket) else None


def explain_handshake(
    cause: Exception, endpoint: Endpoint, protocol: str | None = None
) -> HandshakeError:
    """Build the error for an open connection whose handshake failed.

    ``protocol`` is what the peer was found to speak instead of OpenD's protocol.
    """
    connector = endpoint.connector
    protocol = protocol or foreign_protocol_of(cause)
    if protocol is not None and not _is_upgrade_refusal(cause, protocol):
        reason = f"the handshake failed: the peer speaks {protocol}, not OpenD's protocol"
        hint = _foreign_hint(protocol, connector)
    elif isinstance(cause, OpenDError):
        reason = f"OpenD refused: {cause.ret_msg or cause.ret_type}"
        hint = _handshake_hint(endpoint)
    else:
        reason = f"the handshake failed: {reason_of(cause)}"
        hint = _handshake_hint(endpoint)
    explained = HandshakeError(connector.host, connector.port, reason, hint)
    explained.__cause__ = cause
    return explained


def _is_upgrade_refusal(cause: Exception, protocol: str) -> bool:
    """True if a WebSocket was refused in HTTP, as it should be: the status says why."""
    return isinstance(cause, NotWebSocket) and protocol == "HTTP"


def _foreign_hint(protocol: str, connector: Connector) -> str:
    scheme = {"TLS": "wss", "HTTP": "ws"}.get(protocol)
    if scheme is None or scheme == connector.scheme:
        return f"check the port: OpenD's port is not {connector.port}"
    return f"if OpenD's WebSocket port is {connector.port}, use {scheme}://; else check the port"


def _handshake_hint(endpoint: Endpoint) -> str:
    scheme = endpoint.connector.scheme
    if scheme in ("ws", "wss"):
        hint = (
            "check that this is OpenD's WebSocket port, and that websocket_key is the key set "
            "in OpenD"
        )
        if scheme == "ws":
            hint += "; if TLS is switched on there, use wss://"
        return hint
    if endpoint.encrypted:
        return (
            "check that OpenD has the same RSA key as rsa_key, and that this is its API port, "
            "not its WebSocket port"
        )
    return (
        "check that this is OpenD's API port, not its WebSocket or telnet port, and whether "
        "OpenD expects encryption (then give rsa_key)"
    )


def explain_none_reached(causes: Mapping[str, AiocapdistError]) -> ConnectError:
    """Build the error for several gateways of which none could be connected to.

    ``causes`` has the error of each by its name.
    """
    reasons, hints = [], []
    for name, cause in causes.items():
        if isinstance(cause, ConnectError):
            reasons.append(f"{name} ({cause.reason})")
            hints.append(cause.hint)
        else:
            reasons.append(f"{name} ({cause})")
    hint = "; ".join(dict.fromkeys(hints)) or "try again"
    explained = ConnectError("", 0, ", ".join(reasons), hint, tuple(causes))
    explained.__cause__ = next(iter(causes.values()))
    return explained


def internal_error(error: BaseException) -> AiocapdistError:
    """Build the error for a bug of this library: one error, never a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    failure = AiocapdistError(f"internal error, please report it: {error!r}")
    failure.__cause__ = error
    return failure


def _root(error: BaseException) -> BaseException:
    """Return the operating system's error that libraries wrapped."""
    while error.__cause__ is not None:
        error = error.__cause__
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    return error
