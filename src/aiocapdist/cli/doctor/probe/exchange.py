"""One request for figures and its reply, as they went over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio

from ...._client.client import Client
from ...._client.raw_reply import raw_reply
from ...._pb import capital_distribution_pb2 as pb
from ...._protocol.catalog import CAPITAL_DISTRIBUTION
from ...._protocol.failures import SUCCESS, error_from_response, text_of
from ...._protocol.response import parse_response
from ....errors import ProtocolError, QuotaExceeded, UnknownSecurity, UnsupportedSecurity
from ....models import Security

Answer: TypeAlias = Literal[
    "figures", "zeros", "unsupported", "unknown", "refused", "failed", "unreadable"
]
_ERRORS: tuple[tuple[type[Exception], Answer], ...] = (
    (QuotaExceeded, "refused"),
    (UnknownSecurity, "unknown"),
    (UnsupportedSecurity, "unsupported"),
)
_AMOUNTS = ("capitalInBig", "capitalInMid", "capitalInSmall", "capitalInSuper")


@dataclass(frozen=True)
class Exchange:
    """A reply, and when its request was sent and the reply seen, in seconds of the loop's clock."""

    code: str
    sent: float
    replied: float
    length: int
    answer: Answer
    text: str
    """OpenD's own text, or what is wrong with the reply."""
    error_code: int
    figures: pb.S2C | None

    @property
    def round_trip(self) -> float:
        """Seconds from sending to the reply."""
        return self.replied - self.sent

    @property
    def refused(self) -> bool:
        """True if OpenD refused the request for frequency."""
        return self.answer == "refused"


async def exchange(
    client: Client, code: str, *, counted: bool, timeout: float, firm: int | None = None
) -> Exchange:
    """Ask for the figures of a security, once.

    If not ``counted``, past the quota. ``firm`` is the number of a broker. Raises
    RequestTimeout, ConnectionLost or ClientClosed.
    """
    security = Security.parse(code)
    request = pb.Request()
    request.c2s.security.market, request.c2s.security.code = security
    if firm is not None:
        request.c2s.header.securityFirm = firm
    body = request.SerializeToString()
    sent = anyio.current_time()
    try:
        reply = await raw_reply(
            client, CAPITAL_DISTRIBUTION, body, counted=counted, timeout=timeout
        )
    except ProtocolError as error:  # too long, or damaged
        now = anyio.current_time()
        return Exchange(code, sent, now, 0, "unreadable", str(error), 0, None)
    return _read(code, sent, anyio.current_time(), reply)


def _read(code: str, sent: float, replied: float, reply: bytes) -> Exchange:
    try:
        response = parse_response(pb.Response, reply)
    except ProtocolError as error:
        return Exchange(code, sent, replied, len(reply), "unreadable", str(error), 0, None)
    figures = response.s2c if response.retType == SUCCESS else None
    answer = _error_answer(response) if figures is None else _figures_answer(figures)
    text = text_of(response.retMsg)
    return Exchange(code, sent, replied, len(reply), answer, text, response.errCode, figures)


def _figures_answer(figures: pb.S2C) -> Answer:
    return "figures" if any(getattr(figures, name) for name in _AMOUNTS) else "zeros"


def _error_answer(response: pb.Response) -> Answer:
    error = error_from_response(response.retType, response.retMsg, response.errCode)
    for kind, answer in _ERRORS:
        if isinstance(error, kind):
            return answer
    return "failed"
