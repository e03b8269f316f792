"""Errors as JSON: which status says what."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import (
    AiocapdistError,
    ClientClosed,
    ConnectError,
    ConnectionLost,
    InvalidCode,
    QuotaExceeded,
    QuotaUnavailable,
    QuotaWaitTooLong,
    RequestTimeout,
    UnknownSecurity,
    UnsupportedSecurity,
)
from ..models._records import error_record
from ._json import encode

logger = logging.getLogger("aiocapdist.web")

RETRY_AFTER = 5
"""Seconds after which to try again while OpenD is away."""
STATUS: tuple[tuple[type[AiocapdistError], int], ...] = (
    (InvalidCode, 422),
    (UnknownSecurity, 404),
    (UnsupportedSecurity, 404),
    (QuotaWaitTooLong, 429),
    (QuotaExceeded, 429),
    (ConnectError, 503),
    (ConnectionLost, 503),
    (ClientClosed, 503),
    (QuotaUnavailable, 503),
    (RequestTimeout, 504),
    (AiocapdistError, 502),
)


class Rejection(Exception):
    """An answer other than success: a status, the error's type and its text."""

    def __init__(
        self, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.headers = headers or {}


class Json(Response):
    """JSON in printable ASCII."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return encode(content).encode()


def rejection(error: Rejection) -> Response:
    """Return the answer that says why there is no other."""
    content = {"error": {"type": error.kind, "message": str(error)}}
    return Json(content, error.status, dict(error.headers))


def status_of(error: AiocapdistError) -> tuple[int, float | None]:
    """Return an error's status, and the seconds after which to try again, if that may help."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    eta = getattr(error, "eta", None)
    waited_for = getattr(error, "waited_for", None)
    if (eta is not None and math.isinf(eta)) or waited_for == "connection":
        status = 503  # it is not the quota that the call waited for
    elif waited_for == "quota":
        status = 429
    if status == 429:
        return status, 30.0 if eta is None else eta
    return status, RETRY_AFTER if status == 503 else None


async def on_error(request: Request, error: Exception) -> Response:
    """Answer a call that failed."""
    assert isinstance(error, AiocapdistError)
    status, seconds = status_of(error)
    code = getattr(error, "code", None)
    record = error_record(code if isinstance(code, str) else None, error)
    return Json(record, status, retry_after(seconds))


def retry_after(seconds: float | None) -> dict[str, str]:
    """Return the header that says when to try again: whole seconds, at least one."""
    return {} if seconds is None else {"Retry-After": str(max(1, math.ceil(seconds)))}


async def on_rejection(request: Request, error: Exception) -> Response:
    """Answer a request that is refused."""
    assert isinstance(error, Rejection)
    return rejection(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    kind = HTTPStatus(error.status_code).phrase.title().replace(" ", "")
    text = f"{error.detail}: see /openapi.json for what there is"
    return rejection(Rejection(error.status_code, kind, text, error.headers))


async def on_fault(request: Request, error: Exception) -> Response:
    """Answer after a bug of ours; the traceback is logged, and not told."""
    text = "the server failed to answer this; its log says more"
    return rejection(Rejection(500, "InternalError", text))
