"""Everything this library raises on purpose, in one tree.

::

    AiocapdistError
    ├── InvalidCode            (also ValueError)        code, reason, suggestion
    ├── InvalidKey             (also ValueError)        reason
    ├── ConnectError           (also ConnectionError)   host, port, reason, hint
    │   └── HandshakeError
    ├── ConnectionLost         (also ConnectionError)   reason, sent
    ├── RequestTimeout         (also TimeoutError)      proto_id, timeout, code
    ├── ClientClosed
    ├── ProtocolError                                   reason
    ├── OpenDError                                      ret_type, ret_msg, err_code, code
    │   ├── QuotaExceeded
    │   ├── UnknownSecurity
    │   ├── UnsupportedSecurity
    │   └── BackendError
    ├── QuotaUnavailable                                where, reason, hint
    └── QuotaWaitTooLong                                eta, max_wait

Data sits in attributes; the text is for people. Every error can be pickled,
and none carries a key, a password or a frame's bytes.
"""

from __future__ import annotations

import copy
from math import isinf
from typing import Any


class AiocapdistError(Exception):
    """Root of the tree: ``except AiocapdistError`` catches all that is ours."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle as cls(*args), but ours take data, not a text.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    cls: type[AiocapdistError], args: tuple[Any, ...], data: dict[str, Any]
) -> AiocapdistError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(data)
    return error


def own_copy(error: AiocapdistError) -> AiocapdistError:
    """The same error for one caller alone: shared, its traceback would grow with each."""
    mine = copy.copy(error)
    mine.__cause__ = error.__cause__
    return mine


class InvalidCode(AiocapdistError, ValueError):
    """A code string that is not ``MARKET.CODE``; nothing was sent.

    ``code`` is what was given, ``reason`` what is wrong with it, ``suggestion`` a
    code that may have been meant, or None.
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
    """``rsa_key`` is not a key that OpenD could share with us; nothing was sent.

    ``reason`` says what is wrong with it, and never shows it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"unusable rsa_key: {reason}; expected an RSA private key in PEM form without "
            "password: the same as in OpenD's settings"
        )
        self.reason = reason


class ConnectError(AiocapdistError, ConnectionError):
    """OpenD could not be reached, or did not become ready in time.

    ``host`` and ``port`` are where it was looked for, ``reason`` what happened,
    ``hint`` what to try.
    """

    def __init__(self, host: str, port: int, reason: str, hint: str) -> None:
        where = f"{host}:{port}" if port else host
        super().__init__(f"cannot connect to OpenD at {where}: {reason}; {hint}")
        self.host = host
        self.port = port
        self.reason = reason
        self.hint = hint


class HandshakeError(ConnectError):
    """OpenD was reached, but refused the hand-shake or answered it wrongly."""


class ConnectionLost(AiocapdistError, ConnectionError):
    """The connection broke before this call was answered.

    ``sent`` tells whether the request may have left this machine: where it is False,
    OpenD has certainly not seen it. ``reason`` is the first cause, the same for all
    calls that one loss ended.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        state = "the request had been sent" if sent else "the request had not been sent"
        super().__init__(f"connection to OpenD lost: {reason}; {state}")
        self.reason = reason
        self.sent = sent


class RequestTimeout(AiocapdistError, TimeoutError):
    """No reply within ``timeout`` seconds of the sending, as often as was allowed."""

    def __init__(self, proto_id: int, timeout: float, code: str | None = None) -> None:
        about = f" about {code}" if code else ""
        super().__init__(f"no reply to request {proto_id}{about} within {timeout:g} s")
        self.proto_id = proto_id
        self.timeout = timeout
        self.code = code


class ClientClosed(AiocapdistError):
    """The client was closed, before this call or while it waited."""

    def __init__(self) -> None:
        super().__init__("the client is closed; open another with aiocapdist.connect()")


class ProtocolError(AiocapdistError):
    """OpenD sent what the protocol does not allow."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OpenDError(AiocapdistError):
    """OpenD answered that it will not, or cannot.

    ``ret_type`` is its result number, ``ret_msg`` its own text (Chinese or English,
    by OpenD's setting), ``err_code`` its number for the log, ``code`` the security
    asked about, where there was one.
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
    """OpenD refused for frequency.

    Calls that a quota governs never raise it: they go back in line. It reaches users of
    ``client.request`` who gave no quota.
    """


class UnknownSecurity(OpenDError):
    """OpenD knows no security of this code."""


class UnsupportedSecurity(OpenDError):
    """OpenD has no such figures for this kind of security."""


class BackendError(OpenDError):
    """The vendor's servers behind OpenD failed; trying later may help."""


class QuotaUnavailable(AiocapdistError):
    """The tokens of a quota that is shared with others cannot be reached, or are not its own.

    ``where`` is the file or server, ``reason`` what is wrong, ``hint`` what to try.
    Nothing was sent: without its tokens, nobody can tell what others spend.
    """

    def __init__(self, where: str, reason: str, hint: str) -> None:
        super().__init__(f"the quota at {where} cannot be used: {reason}; {hint}")
        self.where = where
        self.reason = reason
        self.hint = hint


class QuotaWaitTooLong(AiocapdistError):
    """The wait for the quota would exceed ``max_wait``; nothing was sent.

    ``eta`` is the estimated wait in seconds (``inf`` while OpenD is not connected).
    """

    def __init__(self, eta: float, max_wait: float) -> None:
        when = (
            "this call waits for the connection to OpenD"
            if isinf(eta)
            else f"the quota would let this call go in about {eta:.1f} s"
        )
        super().__init__(f"{when}, and max_wait is {max_wait:g} s; allow more, or call later")
        self.eta = eta
        self.max_wait = max_wait
