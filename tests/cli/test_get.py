"""``aiocapdist get`` as users run it: a process of its own, a real socket."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from aiocapdist import CapitalDistribution
from aiocapdist._connection import address as _address
from aiocapdist.cli.app import run
from aiocapdist.simulator._market_data import figures

from .processes import run_command, run_here, simulator, start_command

NOW = 1_700_000_000.0
UNKNOWN = "HK.99999: OpenD answered -1: unknown stock HK.99999"
SIMULATED = "aiocapdist: these figures are simulated; with OpenD running, leave out --simulate\n"


def test_get_prints_a_table_for_each_code() -> None:
    code, out, err = run_command("get", "HK.00700", "US.AAPL", "--simulate")
    assert (code, err) == (0, SIMULATED)
    head, table, totals, head_2, table_2, totals_2, rest = out.split("\n\n")
    assert rest == ""
    assert head.startswith("HK.00700  in HKD, as of ")
    assert head_2.startswith("US.AAPL  in USD, as of ")
    assert "\nmain net " in head
    assert "\nmain net " in head_2
    for lines in (table.splitlines(), table_2.splitlines()):
        sizes = [line for line in lines if "│" in line]
        assert [line.split()[0] for line in sizes] == ["super", "big", "mid", "small"]
        assert all("█" in line for line in sizes)
        assert len({line.index("│") for line in sizes}) == 1, "bars are not aligned"
    assert totals.startswith("all ")
    assert totals_2.startswith("all ")


def test_an_invalid_code_is_reported_and_the_others_are_answered() -> None:
    codes = ("HK.99999", "HK.O0005", "HK.00700")
    code, out, err = run_here("get", *codes, "--simulate", "--format", "jsonl")
    assert code == 1
    records = {record["code"]: record for record in map(json.loads, out.splitlines())}
    assert set(records) == set(codes)
    assert records["HK.00700"]["capital_in_big"] > 0
    assert records["HK.99999"]["error"] == {"type": "UnknownSecurity", "message": UNKNOWN}
    assert records["HK.O0005"]["error"]["type"] == "InvalidCode"
    lines = err.splitlines()
    assert f"aiocapdist: {UNKNOWN}" in lines
    assert sum("try 'HK.00005'" in line for line in lines) == 1
    assert len(lines) == 3


def test_failed_codes_have_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", "HK.99999", "HK.00700", "--simulate"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("HK.00700  in HKD")
    assert "HK.99999" not in out
    assert err == f"aiocapdist: {UNKNOWN}\n{SIMULATED}"


def test_json_is_an_array_in_the_order_of_the_codes_failures_included() -> None:
    codes = ["US.AAPL", "HK.99999", "HK.00700", "HK.O1", "US.AAPL"]
    with simulator(language="en", now=lambda: NOW, seed=4) as opend:
        address = f"tcp://{opend.host}:{opend.port}"
        code, out, err = run_here("get", *codes, "--address", address, "--format", "json")
        asked = [request.code for request in opend.requests if request.code]
    assert code == 1
    assert err.count("\n") == 2
    records = json.loads(out)
    assert [record["code"] for record in records] == codes
    assert [record["code"] for record in records if "error" in record] == ["HK.99999", "HK.O1"]
    assert records[0] == records[4]
    assert sorted(asked) == ["HK.00700", "HK.99999", "US.AAPL"], "one was asked twice"
    made = figures("HK.00700", 4, NOW)
    got = records[2]
    assert (got["market"], got["updated_at"]) == ("HK", "2023-11-14T08:00:00Z")
    assert (got["capital_in_super"], got["capital_out_mid"]) == (made.in_super, made.out_mid)
    assert got["main_net"] == made.in_super + made.in_big - made.out_super - made.out_big


def test_csv_has_a_header_and_a_row_for_each_answer() -> None:
    with simulator(super_fields=False, now=lambda: NOW, seed=4) as opend:
        address = f"{opend.host}:{opend.port}"
        codes = ("SH.600519", "HK.99999", "SH.600519")
        code, out, err = run_here("get", *codes, "--address", address, "--format", "csv")
    assert code == 1
    assert err == "aiocapdist: HK.99999: OpenD answered -1: 未知股票 HK.99999\n"
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["code"] for row in rows] == ["SH.600519", "SH.600519"]
    row, made = rows[0], figures("SH.600519", 4, NOW)
    assert (row["market"], row["updated_at"]) == ("SH", "2023-11-14T08:00:00Z")
    assert (float(row["capital_in_big"]), float(row["net_big"])) == (
        made.in_big,
        made.in_big - made.out_big,
    )
    assert row["capital_in_super"] == row["net_super"] == ""


def test_get_asks_a_simulator_in_another_process(tmp_path: Path) -> None:
    watchlist = tmp_path / "watchlist.txt"
    watchlist.write_text("US.AAPL, US.MSFT  # tech\n# HK.00001\n\nHK.00700\n", "utf-8")
    with start_command("simulate", "--port", "0", "--seed", "7") as opend:
        assert opend.stdout is not None
        line = opend.stdout.readline()
        address = line.removeprefix("simulated OpenD on ").partition(";")[0]
        arguments = ("get", f"@{watchlist}", "-", "--format", "jsonl", "--address", address)
        with start_command(*arguments) as asking:
            out, err = asking.communicate("SH.600519\n")
    assert (asking.returncode, err) == (0, "")
    codes = [json.loads(line)["code"] for line in out.splitlines()]
    assert codes == ["US.AAPL", "US.MSFT", "HK.00700", "SH.600519"]


def test_an_absent_opend_is_reported_with_what_to_do(closed_port: int) -> None:
    address = f"localhost:{closed_port}"
    code, out, err = run_here("get", "HK.00700", "--format", "csv", "--address", address)
    assert (code, out) == (3, "")
    assert err.startswith(f"aiocapdist: cannot connect to OpenD at {address}: ")
    assert "start OpenD" in err
    assert err.count("\n") == 1


def test_an_internal_error_is_not_reported_as_wrong_usage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bug = ValueError("a bug of this program")
    monkeypatch.setattr(CapitalDistribution, "model_dump", Mock(side_effect=bug))
    with pytest.raises(ValueError, match="a bug of this program") as raised:
        run(["get", "HK.00700", "--simulate", "--format", "csv"])
    assert raised.value is bug


def test_without_opend_the_simulator_is_suggested(
    closed_port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_address.DEFAULT_PORTS, "tcp", closed_port)
    assert run(["get", "HK.00700"]) == 3
    error, offer = capsys.readouterr().err.splitlines()
    assert error.startswith(f"aiocapdist: cannot connect to OpenD at 127.0.0.1:{closed_port}: ")
    assert offer == "aiocapdist: to see made-up figures without OpenD, add --simulate"


def test_an_ascii_stream_gets_ascii_alone() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with simulator() as opend:
        where = ("--address", f"{opend.host}:{opend.port}")
        code, out, _ = run_command("get", "HK.00700", *where, env=environment)
        assert code == 0
        assert "##|##" in out
        code, out, _ = run_command("get", "HK.99999", *where, "--format", "jsonl", env=environment)
    assert code == 1
    assert json.loads(out)["error"]["message"].endswith("未知股票 HK.99999")
