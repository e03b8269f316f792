"""Codes from arguments, files and standard input."""

# ruff: noqa: RUF001 - full-width forms, as people type them

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from aiocapdist.cli.codes import CodesUnreadable, read_codes


def test_arguments_keep_their_order_and_commas_separate_codes() -> None:
    assert read_codes(["US.AAPL", "HK.00700,HK.00005,", "SH.600519"]) == [
        "US.AAPL",
        "HK.00700",
        "HK.00005",
        "SH.600519",
    ]


def test_what_means_no_code_is_kept() -> None:
    assert read_codes(["", ",", "HK.O0700", "x.y.z"]) == ["", ",", "HK.O0700", "x.y.z"]


def test_other_notations_are_understood_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["00700.HK", "hk.00700", "600519.SS", "sz000001", "AAPL.O", "00700 HK Equity"]
    assert read_codes(typed) == [
        "HK.00700",
        "HK.00700",
        "SH.600519",
        "SZ.000001",
        "US.AAPL",
        "HK.00700",
    ]
    assert capsys.readouterr().err == ""


def test_where_a_market_or_digits_were_added_a_line_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert read_codes(["700.HK", "AAPL,600519"]) == ["HK.00700", "US.AAPL", "SH.600519"]
    assert capsys.readouterr().err == (
        "aiocapdist: took '700.HK' for HK.00700, 'AAPL' for US.AAPL, '600519' for SH.600519\n"
    )


def test_of_many_completed_codes_five_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(read_codes([f"{n:05d}" for n in range(1, 41)])) == 40
    err = capsys.readouterr().err
    assert err.count(" for HK.") == 5
    assert err.endswith("'00005' for HK.00005 and 35 others likewise\n")


def test_a_file_has_words_commas_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"\xef\xbb\xbfHK.00700\tHK.00005 # banks, too\r\n#HK.1\r\n\r\nUS.A,US.B\r\n")
    assert read_codes([f"@{path}", "SH.1"]) == ["HK.00700", "HK.00005", "US.A", "US.B", "SH.1"]


CODES = ["HK.00700", "HK.00005", "US.AAPL"]


@pytest.mark.parametrize(
    "text",
    [
        "HK.00700，HK.00005、US.AAPL",
        "ＨＫ．００７００；HK.00005;US.AAPL",
        "HK.00700\tTENCENT\nHK.00005\tHSBC\nUS.AAPL\tAAPL",
        "Tencent\tHK.00700\nHK Electric\tHK.00005\nApple\tUS.AAPL",
        "腾讯\t00700\n汇丰\t00005\n苹果\tAAPL",
        "00700 腾讯控股\n00005 汇丰控股\nAAPL 苹果",
        "code\tname\nHK.00700\tTencent\nHK.00005\tHSBC\nUS.AAPL\tApple",
        "名称,代码,最新价\n腾讯,00700,388\n汇丰,00005,60.1\n苹果,AAPL,190",
        'Name,Symbol\n"Tencent, Ltd.",HK.00700\nHSBC,HK.00005\n"Apple, Inc.","US.AAPL"',
        "Symbol\n700.HK\n5.HK\n\nAAPL",
        "700 HK Equity\n5 HK Equity, AAPL US Equity",
        "HK.00700 HK.00005 US.AAPL",
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
def test_files_of_other_programs_are_understood(tmp_path: Path, text: str, mark: str) -> None:
    path = tmp_path / "list"
    path.write_text(mark + text, "utf-8")
    assert read_codes([f"@{path}"]) == CODES


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030"])
def test_files_in_encodings_of_excel_and_chinese_programs(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list"
    path.write_text("代码\t名称\n00700\t腾讯控股\n600519\t贵州茅台\n", encoding)
    assert read_codes([f"@{path}"]) == ["HK.00700", "SH.600519"]


def test_a_word_that_is_no_code_is_not_dropped_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("HK.O0700 HK.00005\n腾讯\nnothing\tis here\n", "utf-8")
    assert read_codes([f"@{path}"]) == ["HK.O0700", "HK.00005", "腾讯", "nothing"]


def test_a_long_line_is_read_in_linear_time(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text('"' + " ".join(f"HK.{n:05d}" for n in range(20_000)), "utf-8")
    assert len(read_codes([f"@{path}"])) == 20_000


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"US.A # x\nUS.B\n")))
    assert read_codes(["HK.00001", "-"]) == ["HK.00001", "US.A", "US.B"]


def test_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(
        CodesUnreadable, match="cannot read codes from standard input: it is closed"
    ):
        read_codes(["-"])


def test_a_folder_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(CodesUnreadable, match="cannot read codes from '"):
        read_codes([f"@{tmp_path}"])
