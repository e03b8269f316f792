"""What the golden frames hold, in OpenD's words; ``make.py`` turns each row into bytes."""

from __future__ import annotations

from typing import Any, NamedTuple

UTC = 1_760_000_000  # 2025-10-09 16:53:20 in Beijing


class Row(NamedTuple):
    """One frame. ``packer`` names the vendor's query class whose ``pack_req(*args)`` makes it;
    without one, its message class and its ``pack_pb_req`` do."""

    proto_id: int
    shows: str
    serial: int
    fields: dict[str, Any]
    packer: str = ""
    args: tuple[Any, ...] = ()


def security(market: int, code: str) -> dict[str, Any]:
    return {"security": {"market": market, "code": code}}


GREETING = {
    "clientVer": 1011,
    "clientID": "aiocapdist",
    "recvNotify": True,
    "packetEncAlgo": -1,
    "pushProtoFmt": 0,
    "programmingLanguage": "Python",
}
ASKED = "GetCapitalDistributionQuery"
BROKER = {**security(11, "BRK.B"), "header": {"securityFirm": 2}}
FLOW_ASKED = "GetCapitalFlowQuery"
TODAY = {**security(1, "00700"), "periodType": 1}
DAYS = {
    **security(11, "BRK.B"),
    "periodType": 2,
    "beginTime": "2025-01-02",
    "endTime": "2025-10-09",
    "header": {"securityFirm": 2},
}
TODAY_ARGS = ("HK.00700", 0, None, None, "INTRADAY", None)
DAYS_ARGS = ("US.BRK.B", 0, "2025-01-02", "2025-10-09", "DAY", "FUTUINC")

REQUESTS = [
    Row(
        1001,
        "as the vendor's client greets",
        0x01020304,
        {"c2s": {**GREETING, "aiType": 0}},
        packer="InitConnect",
        args=(1011, "aiocapdist", True, False, 0, 0),
    ),
    Row(1001, "as this library greets", 77, {"c2s": GREETING}),
    Row(1002, "user 0", 2**32 - 2, {"c2s": {"userID": 0}}, "GlobalStateQuery", (0, 0)),
    Row(1004, "a sign of life", 9, {"c2s": {"time": UTC}}, "KeepAlive", (0,)),
    Row(3211, "today by the minute", 42, {"c2s": TODAY}, FLOW_ASKED, TODAY_ARGS),
    Row(3211, "days, a broker named", 43, {"c2s": DAYS}, FLOW_ASKED, DAYS_ARGS),
    Row(3212, "a stock", 42, {"c2s": security(1, "00700")}, ASKED, ("HK.00700", 0, None)),
    Row(3212, "an index", 43, {"c2s": security(11, ".DJI")}, ASKED, ("US..DJI", 0, None)),
    Row(3212, "a broker named", 44, {"c2s": BROKER}, ASKED, ("US.BRK.B", 0, "FUTUINC")),
]

OK = {"retType": 0, "retMsg": "", "errCode": 0}


def answered(*s2c: dict[str, Any]) -> dict[str, Any]:
    return {**OK, "s2c": {key: value for part in s2c for key, value in part.items()}}


def refused(text: str, ret_type: int = -1) -> dict[str, Any]:
    return {"retType": ret_type, "retMsg": text, "errCode": 0}


WELCOME = {
    "serverVer": 1011,
    "loginUserID": 2**63 + 5,
    "connID": 2**64 - 1,
    "connAESKey": "0123456789abcdef",
    "keepAliveInterval": 10,
}
STAND_IN = {
    "serverVer": 900,
    "loginUserID": 0,
    "connID": 1,
    "connAESKey": "",
    "keepAliveInterval": 0,
}
CBC = {"aesCBCiv": "fedcba9876543210", "userAttribution": 1}
STATE = {
    "marketHK": 5,
    "marketUS": 8,
    "marketSH": 6,
    "marketSZ": 6,
    "marketHKFuture": 15,
    "qotLogined": True,
    "trdLogined": False,
    "serverVer": 1011,
    "serverBuildNo": 7108,
    "time": UTC,
}
MORE_STATE = {
    "localTime": UTC + 0.5,
    "programStatus": {"type": 10, "strExtDesc": "ready"},
    "qotSvrIpAddr": "192.0.2.1",
    "trdSvrIpAddr": "192.0.2.2",
    "marketUSFuture": 18,
    "connID": 2**64 - 1,
    "marketSGFuture": 13,
    "marketJPFuture": 14,
    "marketSG": 4,
    "marketMY": 0,
    "marketJP": 99,
}
FLOW = {
    "capitalInBig": 10.5,
    "capitalInMid": 20.25,
    "capitalInSmall": 30.125,
    "capitalOutBig": 1e12,
    "capitalOutMid": 0.1,
    "capitalOutSmall": 7.0,
}
SUPER = {"capitalInSuper": 3.5e9, "capitalOutSuper": -0.0}
TEXT = {"updateTime": "2025-10-09 16:53:20"}
STAMP = {"updateTimestamp": float(UTC)}
MINUTES = [
    {
        "inFlow": -0.375,
        "time": "2025-10-09 09:30:00",
        "timestamp": float(UTC - 26_600),
        "superInFlow": -2.0,
        "bigInFlow": 1.5,
        "midInFlow": 0.0,
        "smlInFlow": 0.125,
    },
    {"inFlow": 1e12, "time": "2025-10-09 09:31:00"},
]
DAY_ROWS = [
    {
        "inFlow": 10.5,
        "time": "2025-10-08 00:00:00",
        "timestamp": 1_759_852_800.0,
        "mainInFlow": 7.25,
        "superInFlow": 3.0,
        "bigInFlow": 4.25,
        "midInFlow": 2.25,
        "smlInFlow": 1.0,
    }
]
LAST = {"lastValidTime": "2025-10-09 16:53:20", "lastValidTimestamp": float(UTC)}
ZERO = dict.fromkeys({**FLOW, **SUPER, **STAMP}, 0.0)
CHINESE = "获取资金分布频率太高，请求失败，每30秒最多30次。"  # noqa: RUF001
ENGLISH = (
    "Get Capital Distribution is too frequent, request failed, "
    "no more than 30 times every 30 seconds."
)

REPLIES = [
    Row(1001, "let in", 0x01020304, answered(WELCOME, CBC)),
    Row(1001, "let in by a stand-in: no key, no interval", 5, answered(STAND_IN)),
    Row(1001, "not let in", 6, refused("the client is too old")),
    Row(1002, "every field", 2**32 - 1, answered(STATE, MORE_STATE)),
    Row(1002, "only what is required", 1000, answered(STATE)),
    Row(1004, "a sign of life", 2**31, answered({"time": UTC})),
    Row(3211, "minutes", 42, answered({"flowItemList": MINUTES}, LAST)),
    Row(3211, "days, every field", 43, answered({"flowItemList": DAY_ROWS}, LAST)),
    Row(3211, "no rows", 44, answered(LAST)),
    Row(3211, "not a word", 45, answered({"flowItemList": []})),
    Row(3211, "no such code", 46, refused("未知股票 00000")),
    Row(3212, "every field", 42, answered(FLOW, TEXT, STAMP, SUPER)),
    Row(3212, "an old OpenD: no super, no timestamp", 43, answered(FLOW, TEXT)),
    Row(3212, "off hours: all zero, empty time", 44, answered(ZERO, {"updateTime": ""})),
    Row(3212, "too often, in Chinese", 45, refused(CHINESE)),
    Row(3212, "too often, in English", 46, refused(ENGLISH)),
    Row(3212, "no such code", 47, refused("未知股票 00000")),
    Row(3212, "timed out behind OpenD", 48, refused("", -100)),
    Row(3212, "failed without a word", 49, {"retType": -1}),
]

RIGHTS = {"hkQotRight": 3, "usQotRight": 2, "cnQotRight": 1}
QUOTA = {"subQuota": 300, "historyKLQuota": 100}
LOGINS = {"qotLogined": True, "trdLogined": False}


def told(**s2c: Any) -> dict[str, Any]:
    """A push: it carries retType alone."""
    return {"retType": 0, "s2c": s2c}


PUSHES = [
    Row(1003, "an event", 1, told(type=1, event={"eventType": 7, "desc": "kicked out"})),
    Row(1003, "program status", 2, told(type=2, programStatus={"programStatus": {"type": 10}})),
    Row(1003, "connection status", 3, told(type=3, connectStatus=LOGINS)),
    Row(1003, "quote rights", 4, told(type=4, qotRight=RIGHTS)),
    Row(1003, "quota", 42, told(type=6, apiQuota=QUOTA)),
    Row(1003, "used quota", 2**32 - 1, told(type=7, usedQuota={"usedSubQuota": 3})),
]
