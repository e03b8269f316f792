"""Texts from elsewhere are escaped before a terminal shows them."""

from __future__ import annotations

import pytest

from aiocapdist.cli.streams import report

from .test_table import rendered

CONTROLS = "\x1b]0;title\x07\x1b[31m\x9b2J\u202e\r\x00"


def test_control_characters_in_messages_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    report(f"未知股票 [bold] {CONTROLS}\n\tX \udc80")
    written = capsys.readouterr().err
    assert written == (
        "aiocapdist: 未知股票 [bold] "
        r"\x1b]0;title\x07\x1b[31m\x9b2J\u202e \x00 X \udc80" + "\n"
    )
    assert written[:-1].isprintable()


def test_control_characters_in_update_time_are_escaped() -> None:
    title = rendered(updated_at=None, update_time=f"noon {CONTROLS}").splitlines()[0]
    assert title.isprintable()
    assert "as of noon" in title
