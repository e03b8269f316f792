"""The vendor's own protobuf classes in ``client.request`` and in the simulator's answers.

In processes of their own, with both libraries side by side: see vendor.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .vendor import needs_vendor, result_in

pytestmark = [pytest.mark.interop, needs_vendor]

OURS = """
import aiocapdist
from aiocapdist.simulator import Simulator
"""
THEIRS = """
import warnings
warnings.simplefilter("ignore")  # the vendor's own are many
warnings.filterwarnings("error", module="aiocapdist")
import futu
from futu.common.pb import GetUserInfo_pb2 as info, Notify_pb2 as notify
from futu.common.pb import Qot_GetCapitalFlow_pb2 as flow
"""
BEGINS = """
import os, sys, traceback
def tell(*error):
    traceback.print_exception(*error)
    sys.stderr.flush()
    os._exit(1)  # the vendor's threads never end
sys.excepthook = tell
"""
ENDS = """
import json
print("RESULT " + json.dumps(result, default=str), flush=True)
os._exit(0)
"""

# Capital flow of two minutes, and the login: asked by our client in the vendor's classes, and
# by the vendor's client with its own methods.
ASK_BOTH = """
import asyncio

asked = []

def capital_flow(body):
    request = flow.Request.FromString(body)
    asked.append(request.c2s.security.code)
    items = [
        dict(inFlow=1.5, time="2024-01-02 09:31:00", timestamp=1704159060.0, mainInFlow=-2.25,
             superInFlow=0.25, bigInFlow=-2.5, midInFlow=3.0, smlInFlow=0.75),
        dict(inFlow=2.5, time="2024-01-02 09:32:00", timestamp=1704159120.0, mainInFlow=0.5,
             superInFlow=0.25, bigInFlow=0.25, midInFlow=1.0, smlInFlow=1.0),
    ]
    s2c = dict(flowItemList=items, lastValidTime="2024-01-02 09:32:00")
    return flow.Response(retType=0, retMsg="", errCode=0, s2c=s2c)

def user_info(body):
    flag = info.Request.FromString(body).c2s.flag
    if flag == 99:
        return info.Response(retType=-1, retMsg="no such flag", errCode=7)
    s2c = dict(nickName="韭菜", userID=10_000_000, apiLevel="1", subQuota=300)
    return info.Response(retType=0, retMsg="", errCode=0, s2c=s2c)

def ask_theirs(port):
    context = futu.OpenQuoteContext(host="127.0.0.1", port=port)
    try:
        return [
            context.get_capital_flow("HK.00700")[1].to_dict("records"),
            context.get_user_info([futu.UserInfoField.BASIC])[1],
        ]
    finally:
        context.close()

async def main():
    answers = {3211: capital_flow, 1005: user_info}
    async with (
        Simulator(answers=answers) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):
        question = flow.Request()
        question.c2s.security.market = 1
        question.c2s.security.code = "00700"
        one = await client.request(3211, question, flow.Response)
        nobody = info.Request(c2s=info.C2S(flag=1))
        two = await client.request(1005, nobody, info.Response)
        figures = await client.capital_distribution("HK.00700")
        try:
            await client.request(1005, info.Request(c2s=info.C2S(flag=99)), info.Response)
        except aiocapdist.OpenDError as error:
            refused = [type(error).__name__, error.ret_msg, error.err_code]
        try:
            await client.request(3211, flow.Request(c2s=flow.C2S()), flow.Response)
        except ValueError as error:
            lacking = str(error)
        return {
            "classes": [type(one) is flow.Response, type(two) is info.Response],
            "flow": [[i.time, i.inFlow, i.mainInFlow] for i in one.s2c.flowItemList],
            "user": [two.s2c.nickName, two.s2c.userID, two.s2c.subQuota],
            "figures": figures.capital_in_big > 0,
            "refused": refused,
            "lacking": lacking,
            "theirs": await asyncio.to_thread(ask_theirs, opend.port),
            "asked": asked,
            "log": [r.outcome for r in opend.requests if r.proto_id in answers],
        }

result = asyncio.run(main())
"""


def run(program: str, home: Path) -> Any:
    """Run the program; return its ``result``."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINS + program + ENDS],
        env={**os.environ, "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "RESULT " in done.stdout, done.stderr
    return result_in(done.stdout)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(OURS + THEIRS + ASK_BOTH, id="ours first"),
        pytest.param(THEIRS + OURS + ASK_BOTH, id="theirs first"),
    ],
)
def test_calls_in_the_vendors_classes_get_what_the_vendors_client_gets(
    program: str, tmp_path: Path
) -> None:
    got = run(program, tmp_path)
    assert got["classes"] == [True, True]
    assert got["flow"] == [["2024-01-02 09:31:00", 1.5, -2.25], ["2024-01-02 09:32:00", 2.5, 0.5]]
    assert got["user"] == ["韭菜", 10_000_000, 300]
    assert got["figures"], "our own calls go over the same connection"
    assert got["refused"] == ["OpenDError", "no such flag", 7]
    assert got["lacking"] == "the message lacks required fields: c2s.security"
    rows, user = got["theirs"]
    theirs = [[row["capital_flow_item_time"], row["in_flow"], row["main_in_flow"]] for row in rows]
    assert theirs == got["flow"]
    assert user["nick_name"] == "韭菜"
    # The simulator was asked by both, and gave both the answers it was made with.
    assert got["asked"] == ["00700", "00700"]
    assert got["log"] == ["answered"] * 5


# Our own call, answered in the vendor's classes: a minute, which lacks mainInFlow, and two days.
OUR_CALL = """
import asyncio

asked = []

def capital_flow(body):
    c2s = flow.Request.FromString(body).c2s
    has = {name: c2s.HasField(name) for name in ("beginTime", "endTime", "header")}
    asked.append([c2s.security.market, c2s.security.code, c2s.periodType, c2s.beginTime, has])
    if c2s.periodType == 1:
        items = [dict(inFlow=-1.125, time="2024-01-02 09:31:00", timestamp=1704159060.0,
                      superInFlow=0.25, bigInFlow=-2.5, midInFlow=0.0, smlInFlow=1.125)]
    else:
        items = [
            dict(inFlow=1.5, time="2024-01-02 00:00:00", timestamp=1704124800.0, mainInFlow=-2.25,
                 superInFlow=0.25, bigInFlow=-2.5, midInFlow=3.0, smlInFlow=0.75),
            dict(inFlow=2.5),
        ]
    s2c = dict(flowItemList=items, lastValidTime="2024-01-03 18:00:00",
               lastValidTimestamp=1704276000.0)
    return flow.Response(retType=0, retMsg="", errCode=0, s2c=s2c)

async def main():
    async with (
        Simulator(answers={3211: capital_flow}) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):
        minutes = await client.capital_flow("HK.00700")
        days = await client.capital_flow(
            "HK.00700", aiocapdist.Period.DAY, start="2024-01-02", end="2024-01-03"
        )
        return [asked, minutes.model_dump(mode="json"), days.model_dump(mode="json")]

result = asyncio.run(main())
"""


def test_our_capital_flow_call_reads_answers_in_the_vendors_classes(tmp_path: Path) -> None:
    asked, minutes, days = run(OURS + THEIRS + OUR_CALL, tmp_path)
    nothing = {"beginTime": False, "endTime": False, "header": False}
    assert asked == [
        [1, "00700", 1, "", nothing],
        [1, "00700", 2, "2024-01-02", {**nothing, "beginTime": True, "endTime": True}],
    ]
    tiers = {"super_in_flow": 0.25, "big_in_flow": -2.5}
    absent = dict.fromkeys(
        ["time", "at", "day", "main_in_flow", *tiers, "mid_in_flow", "sml_in_flow"]
    )
    assert minutes["points"] == [
        {
            "time": "2024-01-02 09:31:00",
            "at": "2024-01-02T01:31:00Z",
            "day": "2024-01-02",
            "in_flow": -1.125,
            "main_in_flow": None,
            **tiers,
            "mid_in_flow": 0.0,
            "sml_in_flow": 1.125,
        }
    ]
    assert days["points"] == [
        {
            "time": "2024-01-02 00:00:00",
            "at": "2024-01-01T16:00:00Z",
            "day": "2024-01-02",
            "in_flow": 1.5,
            "main_in_flow": -2.25,
            **tiers,
            "mid_in_flow": 3.0,
            "sml_in_flow": 0.75,
        },
        {**absent, "in_flow": 2.5},
    ]
    assert (days["code"], days["market"], days["period"]) == ("HK.00700", 1, 2)
    assert days["last_valid_time"] == "2024-01-03 18:00:00"
    assert days["last_valid_at"] == "2024-01-03T10:00:00Z"


NOTICES = """
from futu.common.pb import Common_pb2 as common
from aiocapdist._protocol.notices import decode_notice
from aiocapdist import GatewayEvent, NoticeType, ProgramStatus

rights = {field.name: 1 for field in notify.QotRight.DESCRIPTOR.fields}
rights["hasUSOptionQotRight"] = True
said = [
    dict(type=1, event=dict(eventType=7, desc="out")),
    dict(type=2, programStatus=dict(programStatus=dict(type=10, strExtDesc="ready"))),
    dict(type=3, connectStatus=dict(qotLogined=True, trdLogined=False)),
    dict(type=4, qotRight=rights),
    dict(type=5, apiLevel=dict(apiLevel="2")),
    dict(type=6, apiQuota=dict(subQuota=300, historyKLQuota=100)),
    dict(type=7, usedQuota=dict(usedSubQuota=5, usedKLineQuota=6)),
]
kept = []
for s2c in said:
    message = notify.Response(retType=0, retMsg="", errCode=0, s2c=s2c)
    kept.append(decode_notice(message.SerializeToString()).fields)
kinds = [
    (NoticeType, notify.NotifyType),
    (GatewayEvent, notify.GtwEventType),
    (ProgramStatus, common.ProgramStatusType),
]
nameless = [sorted(set(theirs.values()) - set(ours)) for ours, theirs in kinds]
result = {"said": said, "kept": kept, "nameless": nameless}
"""


def test_notices_in_the_vendors_classes_lose_nothing(tmp_path: Path) -> None:
    got = run(OURS + THEIRS + NOTICES, tmp_path)
    api_level = 4
    # The only part without a name here: the vendor dropped it after 2.10. It keeps its number.
    assert got["said"].pop(api_level)["type"] == 5
    assert got["kept"].pop(api_level) == {"type": 5, "6": repr(b"\x1a\x012")}
    assert got["kept"] == got["said"]
    # Of the numbers that the vendor names, only "none" has no name here.
    assert got["nameless"] == [[0], [0], []]
