"""What OpenD answers: bodies in, bodies out. No connections, no clocks of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from google.protobuf.message import DecodeError, Message

from .._pb import (
    capital_distribution_pb2,
    capital_flow_pb2,
    common_pb2,
    global_state_pb2,
    init_connect_pb2,
    keep_alive_pb2,
)
from .._protocol import catalog
from ..models import Market
from ._capital_flow import capital_flow
from ._figures import figures, phase
from ._window import Window

OK, FAILED, INVALID = 0, -1, -500

Answerer = Callable[[bytes], Message]
"""A user's answer to a proto id of their choice: the request's body in, a message out."""


class Answer(NamedTuple):
    """A reply's body, and what to write in the log."""

    body: bytes
    outcome: str
    code: str | None = None
    error: int = 0
    """The WebSocket door's own number, beside the body; 0 is success."""
    error_text: str = ""


class Texts(NamedTuple):
    """OpenD's words in one language; ``{}`` is what they speak of."""

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
_UNSUPPORTED_MARKETS = frozenset({Market.HK_FUTURE, Market.FX, Market.EC})


class Gateway:
    """One account behind one OpenD. All its connections share it, and its window."""

    def __init__(
        self,
        *,
        window: Window | None,
        flow_window: Window | None,
        seed: int,
        language: str,
        super_fields: bool,
        keep_alive_interval: int,
        server_version: int,
        now: Callable[[], float],
        answers: Mapping[int, Answerer],
    ) -> None:
        self.window = window
        self.flow_window = flow_window
        self._seed = seed
        self._texts = _TEXTS[language]
        self._super_fields = super_fields
        self._keep_alive_interval = keep_alive_interval
        self._server_version = server_version
        self._now = now
        self._answers = answers

    def introduction(self, conn_id: int) -> init_connect_pb2.S2C:
        """What OpenD says of itself in its reply to InitConnect; no key yet."""
        return init_connect_pb2.S2C(
            serverVer=self._server_version,
            loginUserID=10_000_000 + self._seed,
            connID=conn_id,
            keepAliveInterval=self._keep_alive_interval,
            userAttribution=1,
        )

    @property
    def utc(self) -> int:
        """The Unix time, in whole seconds."""
        return int(self._now())

    def answer(self, proto_id: int, body: bytes, conn_id: int, clock: float) -> Answer:
        """Any other request; ``clock`` is the time at which the window counts it."""
        try:
            own = self._answers.get(proto_id)
            if own is not None:
                return Answer(own(body).SerializeToString(), "answered")
            match proto_id:
                case catalog.CAPITAL_DISTRIBUTION:
                    return self._capital_distribution(body, clock)
                case catalog.CAPITAL_FLOW:
                    return self._capital_flow(body, clock)
                case catalog.GLOBAL_STATE:
                    return self._global_state(body, conn_id)
                case catalog.KEEP_ALIVE:
                    return self._keep_alive(body)
        except DecodeError:
            return self._invalid()
        return self._refusal(FAILED, self._texts.no_such_call.format(proto_id=proto_id), "unknown")

    def too_frequent(self, window: Window | None = None) -> Answer:
        """A refusal for frequency, by the window of capital distribution or by another."""
        window = window or self.window
        limit, period = (window.limit, window.period) if window else (30, 30.0)
        texts = self._texts
        about_flow = window is not None and window is self.flow_window
        text = texts.flow_too_frequent if about_flow else texts.too_frequent
        text = text.format(limit=limit, period=period)
        return self._refusal(FAILED, text, "refused")

    def failed(self) -> Answer:
        """The vendor's servers did not answer OpenD."""
        return self._refusal(FAILED, "NN_ProtoRet_TimeOut", "failed")

    def invalid(self) -> Answer:
        """A body in a format that is not protobuf."""
        return self._invalid()

    def _keep_alive(self, body: bytes) -> Answer:
        if not keep_alive_pb2.Request.FromString(body).IsInitialized():
            return self._invalid()
        s2c = keep_alive_pb2.S2C(time=int(self._now()))
        response = keep_alive_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Answer(response.SerializeToString(), "answered")

    def _global_state(self, body: bytes, conn_id: int) -> Answer:
        if not global_state_pb2.Request.FromString(body).IsInitialized():
            return self._invalid()
        now = self._now()
        east, new_york = phase("HK", now), phase("US", now)
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
        return Answer(response.SerializeToString(), "answered")

    def _capital_distribution(self, body: bytes, clock: float) -> Answer:
        request = capital_distribution_pb2.Request.FromString(body)
        if not request.IsInitialized():
            return self._invalid()
        code, refusal = self._check(request.c2s.security, self.window, clock)
        if refusal is not None:
            return refusal
        return Answer(self._figures(code), "answered", code)

    def _capital_flow(self, body: bytes, clock: float) -> Answer:
        request = capital_flow_pb2.Request.FromString(body)
        if not request.IsInitialized():
            return self._invalid()
        code, refusal = self._check(request.c2s.security, self.flow_window, clock)
        if refusal is not None:
            return refusal
        s2c = capital_flow(
            request.c2s,
            lambda at: figures(code, self._seed, at),
            self._now(),
            super_fields=self._super_fields,
        )
        if s2c is None:
            return self._refusal(FAILED, self._texts.wrong_arguments, "invalid", code)
        response = capital_flow_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return Answer(response.SerializeToString(), "answered", code)

    def _check(
        self, security: common_pb2.Security, window: Window | None, clock: float
    ) -> tuple[str, Answer | None]:
        """Count a request; return its code, and the refusal if it cannot be answered."""
        market, symbol = security.market, security.code
        name = Market(market).name if market in _MARKETS else str(market)
        code = f"{name}.{symbol}"
        texts = self._texts
        if window is not None and not window.accept(clock):
            return code, self.too_frequent(window)._replace(code=code)
        if market not in _MARKETS or not symbol or set(symbol) == {"9"}:
            return code, self._refusal(FAILED, texts.unknown.format(code=code), "unknown", code)
        if market in _UNSUPPORTED_MARKETS or _is_index(market, symbol):
            text = texts.unsupported.format(code=code)
            return code, self._refusal(FAILED, text, "unsupported", code)
        return code, None

    def _figures(self, code: str) -> bytes:
        made = figures(code, self._seed, self._now())
        s2c = capital_distribution_pb2.S2C(
            capitalInBig=made.in_big,
            capitalInMid=made.in_mid,
            capitalInSmall=made.in_small,
            capitalOutBig=made.out_big,
            capitalOutMid=made.out_mid,
            capitalOutSmall=made.out_small,
            updateTime=made.text,
            updateTimestamp=made.timestamp,
        )
        if self._super_fields:
            s2c.capitalInSuper = made.in_super
            s2c.capitalOutSuper = made.out_super
        response = capital_distribution_pb2.Response(retType=OK, retMsg="", errCode=0, s2c=s2c)
        return response.SerializeToString()

    def _invalid(self) -> Answer:
        return self._refusal(INVALID, self._texts.invalid, "invalid")

    def _refusal(self, ret_type: int, text: str, outcome: str, code: str | None = None) -> Answer:
        # All replies have this shape in common, so one message class writes it for all.
        response = keep_alive_pb2.Response(retType=ret_type, retMsg=text, errCode=0)
        return Answer(response.SerializeToString(), outcome, code)


def _is_index(market: int, symbol: str) -> bool:
    # Six digits: HK.80011, of five, is a stock traded in renminbi.
    hong_kong = market == Market.HK and len(symbol) == 6 and symbol.startswith("800")
    return hong_kong or symbol.startswith(".")
