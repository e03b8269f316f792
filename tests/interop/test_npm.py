"""The vendor's JavaScript client works with the simulator over WebSocket."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import aiocapdist
from aiocapdist import Security
from aiocapdist.simulator import Simulator

from .npm import javascript, packages_in

pytestmark = [pytest.mark.anyio, pytest.mark.interop]
KEY = "open sesame 芝麻"
CODES = ["HK.00700", "US.AAPL", "US.BRK.B", "SH.600519", "SZ.000001"]
FIELDS = {
    f"capital_{way}_{size}": f"capital{way.title()}{size.title()}"
    for way in ("in", "out")
    for size in ("super", "big", "mid", "small")
}


@pytest.fixture(scope="module")
def folder(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = getattr(pytestconfig, "cache", None)  # none with -p no:cacheprovider
    return packages_in(cache.mkdir("npm") if cache else tmp_path_factory.mktemp("npm"))


def as_numbers(code: str) -> tuple[int, str]:
    security = Security.parse(code)
    return security.market.value, security.symbol


async def test_both_clients_get_the_same_figures_and_global_state(folder: Path) -> None:
    with anyio.fail_after(60):
        async with Simulator(
            websocket=True, websocket_key=KEY, now=lambda: 1_700_000_000.0, seed=4
        ) as opend:
            asked = [as_numbers(code) for code in [*CODES, "HK.99999"]]
            theirs = await javascript(folder, opend.websocket_port, KEY, asked)
            address = f"ws://127.0.0.1:{opend.websocket_port}"
            async with aiocapdist.connect(address, websocket_key=KEY) as client:
                ours = await client.capital_distributions(CODES).collect()
                state = await client.global_state()
    assert (theirs["ok"], theirs["connID"]) == (True, "1")
    for code, reply in zip(CODES, theirs["figures"], strict=False):
        assert reply["retType"] == 0
        mine = ours.values[code]
        assert {name: reply["s2c"][theirs_name] for name, theirs_name in FIELDS.items()} == {
            name: getattr(mine, name) for name in FIELDS
        }
        assert reply["s2c"]["updateTime"] == mine.update_time
    assert theirs["figures"][-1]["retMsg"] == "未知股票 HK.99999"
    told = theirs["state"]["s2c"]
    assert int(told["time"]) == state.server_time.timestamp()
    assert told["qotLogined"] is state.quote_logged_in
    assert told["serverVer"] == 1011


@pytest.mark.parametrize("key", ["", "another", KEY.upper()])
async def test_a_wrong_websocket_key_is_refused(folder: Path, key: str) -> None:
    with anyio.fail_after(60):
        async with Simulator(websocket=True, websocket_key=KEY) as opend:
            told = await javascript(folder, opend.websocket_port, key, [as_numbers("HK.00700")])
            outcomes = [request.outcome for request in opend.requests]
    assert told == {"ok": False, "error": 4}
    assert outcomes == ["wrong key"]
