"""Run the checks against a simulator, and read what they found."""

from __future__ import annotations

from typing import Any

from aiocapdist._pb import global_state_pb2, user_info_pb2
from aiocapdist.cli.doctor.checkup import Checkup
from aiocapdist.cli.doctor.findings import Finding
from aiocapdist.cli.doctor.masking import Masker
from aiocapdist.cli.options import ConnectionOptions, QuotaOptions

NONE = QuotaOptions(quota="none")
NOON = 1_790_049_600.0
"""Tuesday, 22 September 2026, 12:00 in Hong Kong is in the lunch break; see MORNING."""
MORNING = NOON - 2 * 3600
"""10:00 in Hong Kong: its market is open."""


async def check(
    port: int, *, scheme: str = "tcp", host: str = "127.0.0.1", quota: Any = NONE, **options: Any
) -> dict[str, Finding]:
    """Return the findings by check, of an OpenD at this port."""
    connection = ConnectionOptions(
        address=f"{scheme}://{host}:{port}",
        rsa_key=options.pop("rsa_key", None),
        websocket_key=options.pop("websocket_key", None),
    )
    checkup = Checkup(
        connection, quota, add=lambda finding: None, masker=Masker(show_all=True), **options
    )
    await checkup.run()
    names = [finding.check for finding in checkup.findings]
    assert len(names) == len(set(names)) == 13  # a line for each check, always
    return {finding.check: finding for finding in checkup.findings}


def states(found: dict[str, Finding], *names: str) -> list[str]:
    """Return the states of these checks."""
    return [found[name].state for name in names]


def global_state(**fields: Any) -> global_state_pb2.Response:
    """Return a reply to 1002 of an OpenD that is ready, with other fields."""
    values: dict[str, Any] = {
        "marketHK": 6,
        "marketUS": 6,
        "marketSH": 6,
        "marketSZ": 6,
        "marketHKFuture": 6,
        "qotLogined": True,
        "trdLogined": True,
        "serverVer": 1011,
        "serverBuildNo": 1234,
        "time": int(MORNING),
        "localTime": MORNING,
    }
    return global_state_pb2.Response(retType=0, s2c=global_state_pb2.S2C(**{**values, **fields}))


def user_info(**fields: Any) -> user_info_pb2.Response:
    """Return a reply to 1005."""
    return user_info_pb2.Response(retType=0, s2c=user_info_pb2.S2C(**fields))
