"""What went wrong on the way to OpenD, in words, and what to try: in one place."""

from __future__ import annotations

import socket

from ._transports.base import Door
from .errors import AiocapdistError, ConnectError, HandshakeError, OpenDError


def reason_of(cause: BaseException) -> str:
    """An error's own text, or at least its name."""
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def explain_connect(error: Exception, door: Door, timeout: float) -> ConnectError:
    """The pipe to OpenD did not come about."""
    root = _root(error)
    start = f"start OpenD and log in, and check that its API port is {door.port}"
    if isinstance(root, socket.gaierror):
        reason, hint = "the host name cannot be resolved", "check its spelling"
    elif isinstance(root, TimeoutError):
        reason = f"no answer within {timeout:g} s"
        hint = "check the address, and that no firewall is in between"
    elif isinstance(root, ConnectionRefusedError):
        reason, hint = "the connection was refused", start
    else:
        reason, hint = reason_of(root), start
    explained = ConnectError(door.host, door.port, reason, hint)
    explained.__cause__ = root
    return explained


def explain_handshake(cause: Exception, door: Door) -> AiocapdistError:
    """The pipe stood, but OpenD did not let us in."""
    if isinstance(cause, OpenDError):
        reason, hint = f"OpenD refused: {cause.ret_msg or cause.ret_type}", "see OpenD's own log"
    else:
        reason = f"the hand-shake failed: {reason_of(cause)}"
        hint = (
            "check that this is OpenD's API port, not its WebSocket or telnet port, "
            "and whether OpenD expects encryption"
        )
    explained = HandshakeError(door.host, door.port, reason, hint)
    explained.__cause__ = cause
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
