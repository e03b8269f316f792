"""What a report that is shared must not tell."""

from __future__ import annotations

import pytest

from aiocapdist.cli.doctor.masking import Masker


def masker(*, show_all: bool = False) -> Masker:
    made = Masker(show_all=show_all)
    made.hide("opend.example.com", "<host>")
    made.hide("a", "<host>")
    made.hide_addresses(["10.0.0.7", "fe80::1", "127.0.0.1"])
    made.hide(10_000_007, "<user id>")
    made.hide("/home/me", "~")
    made.hide(None, "<nothing>")
    return made


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("opend.example.com has one address", "<host> has one address"),
        ("opend.example.com:11111", "<host>:11111"),
        ("opend.example.com_11111.quota", "<host>_11111.quota"),
        ("not-opend.example.com, opend.example.community", None),
        ("open at 10.0.0.7, fe80::1, 127.0.0.1", "open at <address 1>, <address 2>, 127.0.0.1"),
        ("a connection to a", "<host> connection to <host>"),
        ("user 10000007 of 110000007", "user <user id> of 110000007"),
        ("/home/me/.local/state, /home/metoo", "~/.local/state, /home/metoo"),
        ("refused by 192.168.1.20:80", "refused by <address>:80"),
        ("192.168.1.20_80.quota", "<address>_80.quota"),
        ("0.0.0.0 and 127.0.0.2", "<address> and 127.0.0.2"),
        ("OpenD 10.11, build 1234, 999.1.1.1", None),
        ("localhost", None),
    ],
)
def test_names_and_addresses_are_hidden(text: str, masked: str | None) -> None:
    assert masker().mask(text) == (text if masked is None else masked)


def test_everything_is_shown_if_asked_for() -> None:
    assert masker(show_all=True).mask("10.0.0.7 /home/me 10000007") == "10.0.0.7 /home/me 10000007"
