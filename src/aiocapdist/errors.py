"""Exceptions of this library, in one tree.

::

    AiocapdistError
    ├── InvalidCode            (also ValueError)        code, reason, suggestion
    ├── InvalidKey             (also ValueError)        reason
    ├── ConnectError           (also ConnectionError)   host, port, reason, hint, gateways
    │   └── HandshakeError
    ├── ConnectionLost         (also ConnectionError)   reason, sent
    ├── RequestTimeout         (also TimeoutError)      proto_id, timeout, code, waited_for, eta
    ├── ClientClosed
    ├── ProtocolError                                   reason
    ├── OpenDError                                      ret_type, ret_msg, err_code, code
    │   ├── QuotaExceeded
    │   ├── UnknownSecurity
    │   ├── UnsupportedSecurity
    │   └── BackendError
    ├── QuotaUnavailable                                where, reason, hint
    ├── QuotaWaitTooLong                                eta, max_wait
    └── RecordingError                                  where, reason, hint

Data is in attributes; the text is for people. Every error can be pickled, and none contains
a key, a password or bytes of a frame.
"""

from __future__ import annotations

import copy
from math import isinf
from typing import Any, Literal

from ._lazy import publish


class AiocapdistError(Exception):
    """Base class of all exceptions raised by this library."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled as cls(*args), but these take data, not a text.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    cls: type[AiocapdistError], args: tuple[Any, ...], data: dict[str, Any]
) -> AiocapdistError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(data)
    return error


def own_copy(error: AiocapdistError) -> AiocapdistError:
    """Return a copy for one caller: the traceback of a shared error grows with each raise."""
    mine = copy.copy(error)
    mine.__cause__ = error.__cause__
    return mine


class InvalidCode(AiocapdistError, ValueError):
    """Raised for a code that is not ``MARKET.CODE``. Nothing was sent.

    ``code`` is the value that was given, ``reason`` what is wrong with it, ``suggestion`` the
    code that was probably meant, or None.
    """

    def __init__(self, code: object, reason: str, suggestion: str | None = None) -> None:
        shown = repr(code)
        if len(shown) > 80:
            shown = f"{shown[:80]}…"
        advice = f"; try {suggestion!r}" if suggestion else ""
        super().__init__(f"invalid code {shown}: {reason}{advice}")
        self.code = code
        self.reason = reason
        self.suggestion = suggestion


class InvalidKey(AiocapdistError, ValueError):
    """Raised for an ``rsa_key`` that cannot be used. Nothing was sent.

    ``reason`` says what is wrong with it and never contains any of it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"unusable rsa_key: {reason}; expected the RSA private key of OpenD's settings, in "
            "PEM form without a password"
        )
        self.reason = reason


class ConnectError(AiocapdistError, ConnectionError):
    """Raised when OpenD cannot be reached or is not ready in time.

    ``reason`` says what happened, ``hint`` what to try. ``gateways`` holds the names of all
    gateways that were tried if a client has several; ``host`` is then empty and ``port`` 0.
    """

    def __init__(
        self, host: str, port: int, reason: str, hint: str, gateways: tuple[str, ...] = ()
    ) -> None:
        where = f"{host}:{port}" if port else host
        if gateways:
            where = f"any of {len(gateways)} gateways"
        super().__init__(f"cannot connect to OpenD at {where}: {reason}; {hint}")
        self.host = host
        self.port = port
        self.reason = reason
        self.hint = hint
        self.gateways = gateways


class HandshakeError(ConnectError):
    """Raised when OpenD rejects the handshake, or the peer is not an OpenD."""


class ConnectionLost(AiocapdistError, ConnectionError):
    """Raised when the connection is lost before the reply arrives.

    ``sent`` is False if OpenD has certainly not seen the request, True if it may have.
    ``reason`` is the cause, the same for all calls that were in flight.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        state = "the request had been sent" if sent else "the request had not been sent"
        super().__init__(f"connection to OpenD lost: {reason}; {state}")
        self.reason = reason
        self.sent = sent


class RequestTimeout(AiocapdistError, TimeoutError):
    """Raised when a call takes longer than its ``timeout``, or a reply does not come in time.

    ``timeout`` is in seconds: of the whole call if it had a ``timeout`` of its own, else
    ``request_timeout`` from the last sending, after ``attempts`` times. ``waited_for`` says what
    did not come: ``connection``, ``quota`` or ``reply``; ``eta`` is the estimate in seconds
    until the quota would have allowed it, else None; ``reason`` says why a quota that is kept
    elsewhere could not be used, else None. ``proto_id`` is OpenD's number of the
    call, ``code`` the security, or None.
    """

    def __init__(
        self,
        proto_id: int,
        timeout: float,
        code: str | None = None,
        *,
        waited_for: Literal["connection", "quota", "reply"] = "reply",
        eta: float | None = None,
        reason: str | None = None,
    ) -> None:
        about = f"{proto_id} about {code}" if code else str(proto_id)
        if waited_for == "reply":
            text = f"no reply to request {about} within {timeout:g} s"
        else:
            text = f"request {about} was not sent within {timeout:g} s: it waited for the "
            text += "connection to OpenD" if waited_for == "connection" else "quota"
            text += "" if eta is None else f", which allows it in about {eta:.1f} s"
            text += "" if reason is None else f", which cannot be used: {reason}"
        super().__init__(text)
        self.proto_id = proto_id
        self.timeout = timeout
        self.code = code
        self.waited_for = waited_for
        self.eta = eta
        self.reason = reason


class ClientClosed(AiocapdistError):
    """Raised when the client is closed before or during a call."""

    def __init__(self) -> None:
        super().__init__("the client is closed; open another with aiocapdist.connect()")


class ProtocolError(AiocapdistError):
    """Raised when OpenD sends something that the protocol does not allow (``reason``)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OpenDError(AiocapdistError):
    """Raised when OpenD answers with an error.

    ``ret_type`` is OpenD's result number, ``ret_msg`` its text (in Chinese or English, a
    setting of OpenD), ``err_code`` its error number, ``code`` the security, or None.
    """

    def __init__(
        self, ret_type: int, ret_msg: str, err_code: int = 0, code: str | None = None
    ) -> None:
        about = f"{code}: " if code else ""
        text = ret_msg or "no reason given"
        super().__init__(f"{about}OpenD answered {ret_type}: {text}")
        self.ret_type = ret_type
        self.ret_msg = ret_msg
        self.err_code = err_code
        self.code = code


class QuotaExceeded(OpenDError):
    """Raised when OpenD rejects a request because there were too many in a period.

    Calls under a quota never raise it: they wait and are sent again. Only ``client.request``
    without a ``quota`` does.
    """


class UnknownSecurity(OpenDError):
    """Raised when OpenD does not know the security."""


class UnsupportedSecurity(OpenDError):
    """Raised when OpenD has no figures for this kind of security."""


class BackendError(OpenDError):
    """Raised when the vendor's servers behind OpenD fail, ``attempts`` times."""


class QuotaUnavailable(AiocapdistError):
    """Raised when the file or server of a shared quota cannot be used. Nothing was sent.

    ``where`` is the file or server, ``reason`` what is wrong, ``hint`` what to try.
    """

    def __init__(self, where: str, reason: str, hint: str) -> None:
        super().__init__(f"the quota at {where} cannot be used: {reason}; {hint}")
        self.where = where
        self.reason = reason
        self.hint = hint


class QuotaWaitTooLong(AiocapdistError):
    """Raised when waiting for the quota would take longer than ``max_wait``. Nothing was sent.

    ``eta`` is the estimated wait in seconds, ``inf`` while OpenD is not connected or the quota
    cannot be used; ``reason`` says why it cannot, else it is None.
    """

    def __init__(self, eta: float, max_wait: float, reason: str | None = None) -> None:
        if reason is not None:
            when = f"this call waits for the quota, which cannot be used ({reason})"
        elif isinf(eta):
            when = "this call waits for the connection to OpenD"
        else:
            when = f"the quota allows this call in about {eta:.1f} s"
        super().__init__(f"{when}, but max_wait is {max_wait:g} s; allow more, or call later")
        self.eta = eta
        self.max_wait = max_wait
        self.reason = reason


class RecordingError(AiocapdistError):
    """Raised when a recording cannot be opened, read or written.

    ``where`` is its file or server, ``reason`` what is wrong, ``hint`` what to try. What was
    recorded before is kept; what the failing call was to write is not written.
    """

    def __init__(self, where: str, reason: str, hint: str) -> None:
        super().__init__(f"the recording at {where} cannot be used: {reason}; {hint}")
        self.where = where
        self.reason = reason
        self.hint = hint


publish("aiocapdist", globals())
