"""Parsing addresses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist._connection.address import parse_address


@pytest.mark.parametrize(
    ("address", "port", "host", "number"),
    [
        ("127.0.0.1", None, "127.0.0.1", 11111),
        ("localhost", None, "localhost", 11111),
        ("nas.local", 22222, "nas.local", 22222),
        ("nas.local:22222", None, "nas.local", 22222),
        ("nas.local:22222", 22222, "nas.local", 22222),
        ("nas.local:", None, "nas.local", 11111),
        ("tcp://nas.local", None, "nas.local", 11111),
        ("tcp://nas.local", 22222, "nas.local", 22222),
        ("tcp://nas.local:22222", None, "nas.local", 22222),
        ("tcp://nas.local:22222/", None, "nas.local", 22222),
        ("TCP://nas.local", None, "nas.local", 11111),
        ("NAS.local", None, "nas.local", 11111),
        ("::1", None, "::1", 11111),
        ("::1", 22222, "::1", 22222),
        ("[::1]", None, "::1", 11111),
        ("[::1]:22222", None, "::1", 22222),
        ("tcp://[::1]", None, "::1", 11111),
        ("tcp://[fe80::1]:22222", None, "fe80::1", 22222),
        ("fe80::1%eth0", None, "fe80::1%eth0", 11111),
        ("nas.local", 1, "nas.local", 1),
        ("nas.local:65535", None, "nas.local", 65535),
    ],
)
def test_a_host_or_a_url_with_or_without_a_port(
    address: str, port: int | None, host: str, number: int
) -> None:
    assert parse_address(address, port) == ("tcp", host, number)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "it names no host"),
        (" ", "it names no host"),
        ("tcp://", "it names no host"),
        ("tcp://:11111", "it names no host"),
        (":11111", "it names no host"),
        ("tcp:///path", "it names no host"),
        ("my host", "it names no host"),
        ("127.0.0.1\n", "it names no host"),
        ("127.0.0.1\t:11111", "it names no host"),
        ("http://nas.local", "unknown scheme 'http'"),
        ("ftp://nas.local", "unknown scheme 'ftp'"),
        ("udp://nas.local:11111", "unknown scheme 'udp'"),
        ("://nas.local", "unknown scheme ''"),
        ("tcp://nas.local/quotes", "it has parts beyond host and port"),
        ("nas.local/quotes", "it has parts beyond host and port"),
        ("tcp://nas.local?x=1", "it has parts beyond host and port"),
        ("tcp://nas.local#x", "it has parts beyond host and port"),
        ("nas.local:eleven", "its port is not a number"),
        ("nas.local:99999", "its port is not a number from 1 to 65535"),
        ("nas.local:-1", "its port is not a number"),
        ("tcp://[::1", "Invalid IPv6 URL"),
    ],
)
def test_an_invalid_address_is_explained(address: str, reason: str) -> None:
    with pytest.raises(ValueError, match="invalid address") as error:
        parse_address(address, None)
    text = str(error.value)
    assert reason in text
    assert repr(address) in text
    assert "expected a host such as '127.0.0.1'" in text
    assert "'tcp://127.0.0.1:11111'" in text


@pytest.mark.parametrize(
    "address",
    [
        "tcp://me@nas.local",
        "tcp://me:secret@nas.local",
        "me:secret@nas.local",
        "http://me:secret@nas.local",
        "tcp://me:sec@ret@nas.local",
        "ws://me:secret @nas.local",
    ],
)
def test_the_part_before_an_at_is_not_shown(address: str) -> None:
    with pytest.raises(ValueError, match=r"^invalid address 'nas\.local': ") as error:
        parse_address(address, None)
    assert not re.search("me|sec|ret", str(error.value).partition(":")[0])
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None
    with pytest.raises(ValueError, match="invalid address 'nas.local'") as error:
        parse_address(address, 1)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("port", [0, -1, 65536, 11111.0, "11111", True, False])
def test_a_port_is_an_integer_from_1_to_65535(port: object) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 65535, not {port!r}"):
        parse_address("nas.local", port)  # type: ignore[arg-type]


def test_port_0_in_an_address_is_invalid() -> None:
    with pytest.raises(ValueError, match="from 1 to 65535, not 0"):
        parse_address("nas.local:0", None)


def test_two_different_ports_are_an_error() -> None:
    with pytest.raises(ValueError, match="says port 22222, and port=33333 was given too"):
        parse_address("tcp://nas.local:22222", 33333)


@given(st.text(), st.one_of(st.none(), st.integers()))
def test_any_text_is_an_address_or_a_value_error(text: str, port: int | None) -> None:
    try:
        parsed = parse_address(text, port)
    except ValueError:
        return
    assert parsed.host
    assert not any(ch.isspace() for ch in parsed.host)
    assert 0 < parsed.port < 65536
    assert port is None or parsed.port == port
