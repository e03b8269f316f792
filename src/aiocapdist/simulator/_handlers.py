"""Replies to requests: bodies in, bodies out. No connections, no clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from google.protobuf.message import DecodeError, Message

from .._pb import (
    capital_distribution_pb2,
    capital_flow_pb2,
    common_pb2,
    global_state_pb2,
    init_connect_pb2,
    keep_alive_pb2,
    user_info_pb2,
)
from .._protocol import catalog
from ..errors import InvalidCode
from ..models import Market, Security
from ._market_data import market_state
from ._rate_window import Limits
from ._sources import Rejected, Source
from .assumptions import MIN_PADDING, Assumptions

OK, FAILED, INVALID = 0, -1, -500
_LEVEL_1, _LEVEL_2 = 2, 3  # quote rights

Call: TypeAlias = Literal["distribution", "flow"]
Handler = Callable[[bytes], Message]
"""A user's handler for one proto id: the request's body in, the reply's message out."""


class Reply(NamedTuple):
    """A reply's body, and what the log says of the request."""

    body: bytes
    outcome: str
    code: str | None = None
    error: int = 0
    """Error number in a WebSocket envelope; 0 is success."""
    error_text: str = ""


class Moments(NamedTuple):
    """When a request arrived where it is counted, and when its reply is sent: loop times."""

    arrived: float
    replied: float


class Texts(NamedTuple):
    """OpenD's error texts in one language, as format strings."""

    too_frequent: str
    flow_too_frequent: str
    unknown: str
    unsupported: str
    invalid: str
    wrong_arguments: str
    no_such_call: str


_TEXTS = {
    "zh": Texts(
        "获取资金分布频率太高，请求失败，每{period:g}秒最多{limit}次。",  # noqa: RUF001
        "获取资金流向频率太高，请求失败，每{period:g}秒最多{limit}次。",  # noqa: RUF001
        "未知股票 {code}",
        "暂不支持该类型的股票 {code}",
        "包内容非法",
        "参数错误",
        "未知协议 {proto_id}",
    ),
    "en": Texts(
        "Get Capital Distribution is too frequent, request failed, "
        "no more than {limit} times every {period:g} seconds.",
        "Get Capital Flow is too frequent, request failed, "
        "no more than {limit} times every {period:g} seconds.",
        "unknown stock {code}",
        "not supported for this type of security: {code}",
        "invalid content",
        "wrong arguments",
        "unknown protocol {proto_id}",
    ),
}
_MARKETS = frozenset(market.value for market in Market)
_OUTCOMES = {"wrong_arguments": "invalid"}


class RequestHandler:
    """Handle the requests of one account. All connections share one instance and its window."""

    def __init__(
        self,
        *,
        limits: Limits,
        source: Source,
        assumptions: Assumptions,
        user_id: int,
        language: str,
        keep_alive_interval: int,
        server_version: int,
        now: Callable[[], float],
        user_handlers: Mapping[int, Handler],
    ) -> None:
        self._limits = limits
        self._source = source
        self._assumptions = assumptions
        self.user_id = user_id
        self._texts = _TEXTS[language]
        self._keep_alive_interval = keep_alive_interval
        self._server_version = server_version
        self._now = now
        self._user_handlers = user_handlers

    def init_connect(self, conn_id: int) -> init_connect_pb2.S2C:
        """Return OpenD's part of the reply to InitConnect, without a session key."""
        return init_connect_pb2.S2C(
            serverVer=self._server_version,
            loginUserID=self.user_id,
            connID=conn_id,
            keepAliveInterval=self._keep_alive_interval,
            userAttribution=1,
        )

    @property
    def unix_time(self) -> int:
        """Current Unix time in whole seconds."""
        return int(self._now())

    def handle(self, proto_id: int, body: bytes, conn_id: int, when: Moments) -> Reply:
        """Return the reply to any request after the handshake."""
        try:
            user_handler = self._user_handlers.get(proto_id)
            if user_handler is not None:
                return Reply(user_handler(body).SerializeToString(), "answered")
            match proto_id:
                case catalog.CAPITAL_DISTRIBUTION:
                    return self._capital_distribution(body, conn_id, when)
                case catalog.CAPITAL_FLOW:
                    return self._capital_flow(body, conn_id, when)
                case catalog.GLOBAL_STATE:
                    return self._global_state(body, conn_id)
                case catalog.KEEP_ALIVE:
                    return self._keep_alive(body)
                case catalog.USER_INFO:
                    return self._user_info(body)
        except DecodeError:
            return self.invalid()
        return self._error(FAILED, self._texts.no_such_call.format(proto_id=proto_id), "unknown")

    def too_frequent(self, call: Call = "distribution") -> Reply:
        """Return the error for too many requests of this call."""
        limit, period = self._limits[call].quota or (30, 30.0)
        texts, assumed = self._texts, self._assumptions
        text = texts.flow_too_frequent if call == "flow" else texts.too_frequent
        if assumed.refusal_text is not None:
            text = assumed.refusal_text
        else:
            text = text.format(limit=limit, period=period)
        return self._error(FAILED, text, "refused", err_code=assumed.refusal_code)

    def backend_failed(self) -> Reply:
        """Return the error for a vendor's server that did not reply to OpenD."""
        return self._error(FAILED, "NN_ProtoRet_TimeOut", "failed")

    def invalid(self) -> Reply:
        """Return the error for a body that cannot be decoded."""
        return self._error(INVALID, self._texts.invalid, "invalid")

    def _keep_alive(self, body: bytes) -> Reply:
        if not keep_alive_pb2.Request.FromString(body).IsInitialized():
            return self.invalid()
        s2c = keep_alive_pb2.S2C(time=int(self._now()))
        response = keep_alive_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Reply(response.SerializeToString(), "answered")

    def _global_state(self, body: bytes, conn_id: int) -> Reply:
        if not global_state_pb2.Request.FromString(body).IsInitialized():
            return self.invalid()
        now = self._now()
        east, new_york = market_state("HK", now), market_state("US", now)
        s2c = global_state_pb2.S2C(
            marketHK=east,
            marketUS=new_york,
            marketSH=east,
            marketSZ=east,
            marketHKFuture=east,
            marketUSFuture=new_york,
            marketSGFuture=east,
            marketJPFuture=east,
            qotLogined=True,
            trdLogined=True,
            serverVer=self._server_version,
            serverBuildNo=1,
            time=int(now),
            localTime=now,
            programStatus=common_pb2.ProgramStatus(type=10),
            connID=conn_id,
        )
        response = global_state_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Reply(response.SerializeToString(), "answered")

    def _user_info(self, body: bytes) -> Reply:
        if not user_info_pb2.Request.FromString(body).IsInitialized():
            return self.invalid()
        s2c = user_info_pb2.S2C(
            hkQotRight=_LEVEL_2,
            usQotRight=_LEVEL_1,
            shQotRight=_LEVEL_1,
            szQotRight=_LEVEL_1,
            updateType=0,
        )
        response = user_info_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Reply(response.SerializeToString(), "answered")

    def _capital_distribution(self, body: bytes, conn_id: int, when: Moments) -> Reply:
        request = capital_distribution_pb2.Request.FromString(body)
        if not request.IsInitialized():
            return self.invalid()
        return self._answer(
            request.c2s.security,
            "distribution",
            conn_id,
            when,
            lambda security: capital_distribution_pb2.Response(
                retType=OK, retMsg="", errCode=0, s2c=self._source.capital_distribution(security)
            ),
        )

    def _capital_flow(self, body: bytes, conn_id: int, when: Moments) -> Reply:
        request = capital_flow_pb2.Request.FromString(body)
        if not request.IsInitialized():
            return self.invalid()
        return self._answer(
            request.c2s.security,
            "flow",
            conn_id,
            when,
            lambda security: capital_flow_pb2.Response(
                retType=OK,
                retMsg="",
                errCode=0,
                s2c=self._source.capital_flow(security, request.c2s),
            ),
        )

    def _answer(
        self,
        asked: common_pb2.Security,
        call: Call,
        conn_id: int,
        when: Moments,
        answer: Callable[[Security], Message],
    ) -> Reply:
        """Count a request about a security; return the answer, or the error."""
        market, symbol = asked.market, asked.code
        code = f"{Market(market).name if market in _MARKETS else market}.{symbol}"
        window = self._limits[call].of(conn_id)
        counted_at = when.replied if self._assumptions.counted == "reply" else when.arrived
        if window is not None and not window.accept(when.arrived, counted_at):
            return self.too_frequent(call)._replace(code=code)
        try:
            if market not in _MARKETS or not _is_code(code):
                raise Rejected("unknown")
            message = answer(Security(Market(market), symbol))
        except Rejected as rejected:
            text = getattr(self._texts, rejected.reason).format(code=code)
            outcome = _OUTCOMES.get(rejected.reason, rejected.reason)
            return self._error(FAILED, text, outcome, code)
        body = message.SerializeToString() + _padding(self._assumptions.padding)
        return Reply(body, "answered", code)

    def _error(
        self, ret_type: int, text: str, outcome: str, code: str | None = None, err_code: int = 0
    ) -> Reply:
        # The result fields are the same in all replies, so one message class encodes them all.
        response = keep_alive_pb2.Response(retType=ret_type, retMsg=text, errCode=err_code)
        return Reply(response.SerializeToString(), outcome, code)


def _is_code(code: str) -> bool:
    """Return False for a code that no market has, such as HK.700."""
    try:
        return bool(Security.parse(code))
    except InvalidCode:
        return False


def _padding(length: int) -> bytes:
    """Return a field of this many bytes in all that no client knows."""
    if not length:
        return b""
    content = length - (MIN_PADDING - 1)
    # Field 1000, then the length in four bytes, which may have leading zeros.
    size = bytes(0x80 | content >> shift & 0x7F for shift in (0, 7, 14)) + bytes([content >> 21])
    return b"\xc2\x3e" + size + bytes(content)
