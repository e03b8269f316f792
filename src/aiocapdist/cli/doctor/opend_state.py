"""Checks of a connected OpenD: version, login, quote rights, market states, clocks."""

from __future__ import annotations

from datetime import datetime

from ..._client.client import Client
from ..._pb import user_info_pb2
from ..._protocol.catalog import USER_INFO
from ...errors import AiocapdistError, ConnectionLost
from ...events import ProgramStatus
from ...models import GlobalState, Market, MarketState
from ..language import mark, tr
from . import findings as check
from .findings import Finding

_RIGHTS_AND_UPDATES = 4 | 16  # bits of GetUserInfo's flag
_RIGHTS = {
    0: mark("unknown"),
    1: mark("basic"),
    2: mark("Level 1"),
    3: mark("Level 2"),
    4: mark("SF"),
    5: mark("none"),
    6: mark("Level 3"),
}
NO_RIGHTS = "none"
_NEWER, _FORCED = 1, 2
_AHEAD = mark("{seconds:.1f} s ahead of {whose}")
_BEHIND = mark("{seconds:.1f} s behind {whose}")
CLOCK_TOLERANCE = 2.0
"""Seconds by which a clock may be wrong: OpenD tells the vendor's time in whole seconds."""

_MARKETS = (Market.HK, Market.US, Market.SH, Market.SZ, Market.SG, Market.JP, Market.MY)
_LOOK = mark("look at OpenD's own window or log")
_LOGIN_ADVICE: dict[int, str] = {
    ProgramStatus.LOGGING_IN: mark("wait until OpenD has logged in"),
    ProgramStatus.PREPARING: mark("wait until OpenD is ready"),
    ProgramStatus.PICTURE_CODE_NEEDED: mark("enter the code of the picture in OpenD"),
    ProgramStatus.PHONE_CODE_NEEDED: mark("enter the code sent to your phone in OpenD"),
    ProgramStatus.LOGIN_FAILED: mark("check account and password in OpenD"),
    ProgramStatus.FORCE_UPDATE: mark("install the newest OpenD"),
    ProgramStatus.DISCLAIMER_NOT_AGREED: mark(
        "agree to the vendor's disclaimer in its app or web site"
    ),
    ProgramStatus.FORCED_LOGOUT: mark(
        "log in again: another OpenD of this account has taken its place"
    ),
}


def is_open(state: GlobalState, market: Market) -> bool:
    """True if figures of this market change now."""
    now = state.phase_of(market)
    return isinstance(now, MarketState) and now != MarketState.NONE and not now.is_resting


async def ask_user_info(client: Client, timeout: float) -> user_info_pb2.S2C | AiocapdistError:
    """Return quote rights and updates; the error if OpenD does not tell them.

    Asks for nothing that says who the user is. Raises ConnectionLost.
    """
    request = user_info_pb2.Request(c2s=user_info_pb2.C2S(flag=_RIGHTS_AND_UPDATES))
    try:
        response = await client.request(
            USER_INFO, request, user_info_pb2.Response, idempotent=True, timeout=timeout
        )
    except ConnectionLost:
        raise
    except AiocapdistError as error:
        return error
    return response.s2c


def check_version(state: GlobalState, info: user_info_pb2.S2C | AiocapdistError) -> Finding:
    """Say which OpenD it is, and whether a newer one must be installed."""
    text = tr(
        "OpenD {version}, build {build}", version=state.server_version, build=state.server_build
    )
    data = {"version": state.server_version, "build": state.server_build}
    update = 0 if isinstance(info, AiocapdistError) else info.updateType
    if update == _FORCED or state.program_status == ProgramStatus.FORCE_UPDATE:
        text += tr("; the vendor does not serve it any more")
        return Finding(check.VERSION, "failed", text, tr("install the newest OpenD"), data)
    if update == _NEWER:
        text += tr("; there is a newer one")
        return Finding(check.VERSION, "warning", text, tr("install it when it suits you"), data)
    return Finding(check.VERSION, "ok", text, data=data)


def check_login(state: GlobalState) -> Finding:
    """Say whether OpenD is logged in to the vendor's quote servers."""
    status = state.program_status
    ready = status in (None, ProgramStatus.NONE, ProgramStatus.READY)
    explained = "" if ready else tr("; its status is {status}", status=_status_name(status))
    if state.program_status_text:
        explained += tr(" ({text})", text=state.program_status_text)
    advice = _LOGIN_ADVICE.get(status or 0)
    if not state.quote_logged_in:
        text = tr("OpenD is not logged in to the quote servers") + explained
        advice = advice or mark("log in with OpenD, and check its own connection to the Internet")
        return Finding(check.LOGIN, "failed", text, tr(advice))
    if state.trade_logged_in:
        text = tr("logged in to quotes and trading") + explained
    else:
        text = tr("logged in to quotes, not to trading, which is not needed here") + explained
    if not ready:
        return Finding(check.LOGIN, "warning", text, tr(advice or _LOOK))
    return Finding(check.LOGIN, "ok", text)


def rights_of(info: user_info_pb2.S2C | AiocapdistError) -> dict[str, str]:
    """Return the quote rights by market; of those that OpenD reports."""
    if isinstance(info, AiocapdistError):
        return {}
    china = "cnQotRight"
    fields = {
        "HK": "hkQotRight",
        "US": "usQotRight",
        "SH": "shQotRight" if info.HasField("shQotRight") else china,
        "SZ": "szQotRight" if info.HasField("szQotRight") else china,
        "SG": "sgStockQotRight",
        "JP": "jpStockQotRight",
        "MY": "myStockQotRight",
        "CC": "ccQotRight",
    }
    numbers = {
        market: getattr(info, field) for market, field in fields.items() if info.HasField(field)
    }
    return {market: _RIGHTS.get(number, str(number)) for market, number in numbers.items()}


def check_rights(info: user_info_pb2.S2C | AiocapdistError) -> Finding:
    """Say which quotes the account may see."""
    if isinstance(info, AiocapdistError):
        return Finding(
            check.RIGHTS, "skipped", tr("OpenD does not report them: {error}", error=info)
        )
    rights = rights_of(info)
    if not rights:
        return Finding(check.RIGHTS, "skipped", tr("OpenD does not report them"))
    text = tr(", ").join(f"{market} {tr(right)}" for market, right in rights.items())
    if all(right in (NO_RIGHTS, "unknown") for right in rights.values()):
        advice = tr("accept or buy quotes in the vendor's app, then log in again with OpenD")
        text = tr("no market has quotes: {rights}", rights=text)
        return Finding(check.RIGHTS, "warning", text, advice, rights)
    return Finding(check.RIGHTS, "ok", text, data=rights)


def check_markets(state: GlobalState) -> Finding:
    """Say which phase each market is in."""
    phases = {market.name: _phase_name(state.phase_of(market)) for market in _MARKETS}
    known = {market: name for market, name in phases.items() if name is not None}
    text = tr(", ").join(f"{market} {tr(name)}" for market, name in known.items())
    return Finding(check.MARKETS, "ok", text, data=known)


def check_clock(state: GlobalState, asked: datetime, answered: datetime) -> Finding:
    """Compare this machine's clock with the vendor's and with that of OpenD's machine.

    ``asked`` and ``answered`` are when this machine asked for the state and had it.
    """
    middle = asked + (answered - asked) / 2
    doubt = (answered - asked).total_seconds() / 2
    # Whole seconds: half a second earlier on the average.
    vendor = (middle - state.server_time).total_seconds() - 0.5
    differences = {mark("the vendor's servers"): vendor}
    if state.local_time is not None:
        differences[mark("OpenD's machine")] = (middle - state.local_time).total_seconds()
    compared = tr(", ").join(
        tr(_AHEAD if seconds > 0 else _BEHIND, seconds=abs(seconds), whose=tr(whose))
        for whose, seconds in differences.items()
    )
    text = tr("this machine's clock is {compared}", compared=compared)
    data = {whose: round(seconds, 3) for whose, seconds in differences.items()}
    if any(abs(seconds) > CLOCK_TOLERANCE + doubt for seconds in differences.values()):
        advice = tr(
            "let the system set its clock: timedatectl set-ntp true, or Windows' time service"
        )
        return Finding(check.CLOCK, "warning", text, advice, data)
    return Finding(check.CLOCK, "ok", text, data=data)


def _phase_name(now: MarketState | int | None) -> str | None:
    if now is None or isinstance(now, MarketState):
        return None if now is None else now.name.lower().replace("_", " ")
    return f"state {now}"


def _status_name(status: int | None) -> str:
    try:
        return tr(ProgramStatus(status or 0).name.lower().replace("_", " "))
    except ValueError:
        return str(status)
