"""What went wrong on the way to OpenD, in words, and what to try: in one place."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

from .._transports.base import Connector
from ..errors import AiocapdistError, ConnectError, HandshakeError, OpenDError
from .endpoint import Endpoint

_OTHER_NAME = (62, 64)  # OpenSSL's numbers: valid, but for another host name or address


def reason_of(cause: BaseException) -> str:
    """An error's own text, or at least its name."""
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def explain_connect(error: Exception, connector: Connector, timeout: float) -> ConnectError:
    """The pipe to OpenD did not come about."""
    root = _root(error)
    port = "WebSocket port" if connector.scheme in ("ws", "wss") else "API port"
    start = f"start OpenD and log in, and check that its {port} is {connector.port}"
    tls = "check that OpenD's WebSocket port has TLS switched on; if not, use ws://"
    if isinstance(root, socket.gaierror):
        reason, hint = "the host name cannot be resolved", "check its spelling"
    elif isinstance(root, TimeoutError):
        reason = f"no answer within {timeout:g} s"
        hint = "check the address, and that no firewall is in between"
    elif isinstance(root, ssl.SSLCertVerificationError):
        reason = f"its certificate is not trusted: {root.verify_message.rstrip('.')}"
        hint = "give an ssl_context that trusts it, made from OpenD's certificate"
        if root.verify_code in _OTHER_NAME:
            hint = "connect by a name that is in the certificate"
    elif isinstance(root, ssl.SSLError):
        # Those that Python code made, not OpenSSL, have no reason of OpenSSL's.
        reason = f"TLS failed: {getattr(root, 'reason', None) or reason_of(root)}"
        hint = tls
    elif isinstance(root, ConnectionRefusedError):
        reason, hint = "the connection was refused", start
    elif connector.scheme == "wss" and isinstance(root, ConnectionError):
        # The pipe stood before TLS began: whoever hangs up then speaks no TLS.
        reason, hint = "it hung up on the TLS hand-shake", tls
    else:
        reason, hint = reason_of(root), start
    explained = ConnectError(connector.host, connector.port, reason, hint)
    explained.__cause__ = root
    return explained


def explain_handshake(cause: Exception, endpoint: Endpoint) -> AiocapdistError:
    """The pipe stood, but OpenD did not let us in."""
    connector = endpoint.connector
    if isinstance(cause, OpenDError):
        reason = f"OpenD refused: {cause.ret_msg or cause.ret_type}"
    else:
        reason = f"the handshake failed: {reason_of(cause)}"
    if connector.scheme in ("ws", "wss"):
        hint = (
            "check that this is OpenD's WebSocket port, and that websocket_key is the key set "
            "in OpenD"
        )
        if connector.scheme == "ws":
            hint += "; if TLS is switched on there, use wss://"
    elif endpoint.encrypted:
        hint = (
            "check that OpenD has the same RSA key as rsa_key, and that this is its API port, "
            "not its WebSocket port"
        )
    else:
        hint = (
            "check that this is OpenD's API port, not its WebSocket or telnet port, and whether "
            "OpenD expects encryption (then give rsa_key)"
        )
    explained = HandshakeError(connector.host, connector.port, reason, hint)
    explained.__cause__ = cause
    return explained


def explain_none_reached(causes: Mapping[str, AiocapdistError]) -> ConnectError:
    """Build the error for when none of several gateways could be reached; causes by name."""
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
    """A fault of this library: told as one error, never as a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    failure = AiocapdistError(f"internal error, please report it: {error!r}")
    failure.__cause__ = error
    return failure


def _root(error: BaseException) -> BaseException:
    """The system's error below what libraries wrapped it in."""
    while error.__cause__ is not None:
        error = error.__cause__
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    return error
