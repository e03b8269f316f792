"""Report an address that cannot be listened on."""

from __future__ import annotations

from errno import EACCES, EADDRINUSE
from socket import gaierror

from .exit_codes import NOT_REACHED
from .language import tr
from .streams import report


def report_not_listening(address: str, error: OSError | UnicodeError) -> int:
    """Say why, and what to try if the port is the trouble; return the exit code."""
    reason = getattr(error, "strerror", None)
    if reason is None or isinstance(error, gaierror):
        reason = tr("it is not the name of a host")
    if getattr(error, "errno", None) in (EACCES, EADDRINUSE):
        reason = tr("{reason}; try --port 0", reason=reason)
    report(tr("cannot listen on {address}: {reason}", address=address, reason=reason))
    return NOT_REACHED
