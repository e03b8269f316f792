"""OpenD, or who poses as it, chooses texts that are shown: no terminal obeys them."""

from __future__ import annotations

import pytest

from aiocapdist.cli.stderr import say

from .test_table import shown

OBEYED = "\x1b]0;title\x07\x1b[31m\x9b2J\u202e\r\x00"


def test_what_a_terminal_would_obey_is_shown_instead(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"未知股票 [bold] {OBEYED}\n\tX \udc80")
    told = capsys.readouterr().err
    assert told == (
        "aiocapdist: 未知股票 [bold] "
        r"\x1b]0;title\x07\x1b[31m\x9b2J\u202e \x00 X \udc80" + "\n"
    )
    assert told[:-1].isprintable()


def test_neither_does_it_of_a_time_that_opend_made_up() -> None:
    title = shown(updated_at=None, update_time=f"noon {OBEYED}").splitlines()[0]
    assert title.isprintable()
    assert "as of noon" in title
