"""Codes from arguments, files and standard input."""

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


def test_an_invalid_code_is_kept() -> None:
    assert read_codes(["", ",", "HK 00700", "hk.1#2"]) == ["", ",", "HK 00700", "hk.1#2"]


def test_a_file_has_words_commas_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"\xef\xbb\xbfHK.00700\tHK.00005 # banks, too\r\n#HK.1\r\n\r\nUS.A,US.B\r\n")
    assert read_codes([f"@{path}", "SH.1"]) == ["HK.00700", "HK.00005", "US.A", "US.B", "SH.1"]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"US.A # x\nUS.B\n")))
    assert read_codes(["HK.1", "-"]) == ["HK.1", "US.A", "US.B"]


def test_a_folder_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(CodesUnreadable, match="cannot read codes from '"):
        read_codes([f"@{tmp_path}"])
