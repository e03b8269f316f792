"""Checks of a connected OpenD."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aiocapdist.cli.doctor.findings import Finding
from aiocapdist.simulator import Simulator

from .checkups import MORNING, check, global_state, states, user_info

pytestmark = pytest.mark.anyio


async def found_with(state: Any = None, rights: Any = None, **options: Any) -> dict[str, Finding]:
    """Return the findings for these replies to 1002 and 1005."""
    answers: dict[int, Any] = {}
    if state is not None:
        answers[1002] = lambda body: state
    if rights is not None:
        answers[1005] = lambda body: rights
    async with Simulator(answers=answers, now=lambda: MORNING) as opend:
        return await check(opend.port, utc_now=now_at(MORNING), **options)


def now_at(unix: float) -> Any:
    return lambda: datetime.fromtimestamp(unix, UTC)


async def test_a_simulator_is_well() -> None:
    found = await found_with()
    assert states(found, "version", "login", "quote rights", "market states", "clock") == ["ok"] * 5
    assert found["version"].text == "OpenD 10.11, build 1"
    assert found["login"].text == "logged in to quotes and trading"
    assert found["quote rights"].data == {
        "HK": "Level 2",
        "US": "Level 1",
        "SH": "Level 1",
        "SZ": "Level 1",
    }
    assert found["market states"].text == "HK morning, US closed, SH morning, SZ morning"


async def test_trading_is_not_needed() -> None:
    found = await found_with(global_state(trdLogined=False))
    assert found["login"].state == "ok"
    assert found["login"].text == "logged in to quotes, not to trading, which is not needed here"


@pytest.mark.parametrize(
    ("status", "text", "advice"),
    [
        (None, "OpenD is not logged in to the quote servers", "log in with OpenD"),
        (5, "its status is login failed", "check account and password"),
        (4, "its status is phone code needed", "enter the code sent to your phone"),
        (11, "its status is forced logout", "another OpenD of this account"),
        (99, "its status is 99", "log in with OpenD"),
    ],
)
async def test_not_logged_in(status: int | None, text: str, advice: str) -> None:
    program = {} if status is None else {"programStatus": {"type": status}}
    found = await found_with(global_state(qotLogined=False, **program))
    assert found["login"].state == "failed"
    assert text in found["login"].text
    assert advice in (found["login"].advice or "")


async def test_opends_own_text_is_shown() -> None:
    program = {"type": 5, "strExtDesc": "wrong password"}
    found = await found_with(global_state(qotLogined=False, programStatus=program))
    assert found["login"].text.endswith("its status is login failed (wrong password)")


async def test_logged_in_and_not_ready() -> None:
    found = await found_with(global_state(programStatus={"type": 7}))
    assert found["login"].state == "warning"
    assert found["login"].advice == "wait until OpenD is ready"


@pytest.mark.parametrize(
    ("update", "status", "text"),
    [
        (0, "ok", "OpenD 10.11, build 1234"),
        (1, "warning", "OpenD 10.11, build 1234; there is a newer one"),
        (2, "failed", "OpenD 10.11, build 1234; the vendor does not serve it any more"),
    ],
)
async def test_updates_of_opend(update: int, status: str, text: str) -> None:
    found = await found_with(global_state(), user_info(updateType=update))
    assert (found["version"].state, found["version"].text) == (status, text)


async def test_a_forced_update_by_the_program_status() -> None:
    found = await found_with(global_state(programStatus={"type": 6}))
    assert found["version"].state == "failed"
    assert found["version"].advice == "install the newest OpenD"


async def test_no_quote_rights() -> None:
    found = await found_with(global_state(), user_info(hkQotRight=5, usQotRight=0, cnQotRight=5))
    assert found["quote rights"].state == "warning"
    assert found["quote rights"].text == (
        "no market has quotes: HK none, US unknown, SH none, SZ none"
    )
    assert "accept or buy quotes" in (found["quote rights"].advice or "")


async def test_rights_of_a_later_version() -> None:
    found = await found_with(global_state(), user_info(hkQotRight=1, shQotRight=77, ccQotRight=2))
    assert found["quote rights"].text == "HK basic, SH 77, CC Level 1"
    assert found["quote rights"].state == "ok"


async def test_an_opend_that_reports_no_rights() -> None:
    found = await found_with(global_state(), user_info())
    assert found["quote rights"].state == "skipped"
    refused = user_info()
    refused.retType, refused.retMsg = -1, "unknown protocol 1005"
    found = await found_with(global_state(), refused)
    assert found["quote rights"].state == "skipped"
    assert "unknown protocol 1005" in found["quote rights"].text
    assert found["figure"].state == "ok"


async def test_states_without_a_name() -> None:
    found = await found_with(global_state(marketHK=93, marketJP=3))
    assert found["market states"].text == (
        "HK state 93, US closed, SH closed, SZ closed, JP morning"
    )


@pytest.mark.parametrize(
    ("vendor", "local", "state"),
    [
        (0, 0.0, "ok"),
        (1, 1.5, "ok"),
        (5, 0.0, "warning"),
        (-5, 0.0, "warning"),
        (0, 5.0, "warning"),
    ],
)
async def test_clocks_that_differ(vendor: int, local: float, state: str) -> None:
    wrong = global_state(time=int(MORNING) + vendor, localTime=MORNING + local)
    found = await found_with(wrong)
    assert found["clock"].state == state
    assert (found["clock"].advice is not None) == (state == "warning")
    assert found["clock"].data == {
        "the vendor's servers": -vendor - 0.5,
        "OpenD's machine": -local,
    }


async def test_an_opend_without_a_local_time() -> None:
    reply = global_state(time=int(MORNING) - 60)
    reply.s2c.ClearField("localTime")
    found = await found_with(reply)
    assert found["clock"].text == ("this machine's clock is 59.5 s ahead of the vendor's servers")


async def test_a_global_state_that_cannot_be_read() -> None:
    broken = global_state()
    broken.ClearField("s2c")
    found = await found_with(broken)
    assert found["version"].state == "failed"
    assert "reports success but is empty" in found["version"].text
    assert states(found, "login", "clock", "figure", "freshness") == ["skipped"] * 4
