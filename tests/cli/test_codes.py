"""Where codes come from."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from aiocapdist.cli.codes import UnreadableError, gather


def test_arguments_stay_in_order_and_commas_part_them() -> None:
    assert gather(["US.AAPL", "HK.00700,HK.00005,", "SH.600519"]) == [
        "US.AAPL",
        "HK.00700",
        "HK.00005",
        "SH.600519",
    ]


def test_a_wrong_argument_is_kept_to_be_told_about() -> None:
    assert gather(["", ",", "HK 00700", "hk.1#2"]) == ["", ",", "HK 00700", "hk.1#2"]


def test_a_file_holds_words_commas_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"\xef\xbb\xbfHK.00700\tHK.00005 # banks, too\r\n#HK.1\r\n\r\nUS.A,US.B\r\n")
    assert gather([f"@{path}", "SH.1"]) == ["HK.00700", "HK.00005", "US.A", "US.B", "SH.1"]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"US.A # x\nUS.B\n")))
    assert gather(["HK.1", "-"]) == ["HK.1", "US.A", "US.B"]


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="cannot read codes from '"):
        gather([f"@{tmp_path}"])
