"""Host headers and origins are parsed exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist.web._hosts import AllowedHosts, Authority, is_loopback, is_same_origin

PORT = 8321


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8321",
        "localhost:8321",
        "LOCALHOST:8321",
        "[::1]:8321",
        "[0:0:0:0:0:0:0:1]:8321",
        "localhost",  # behind a proxy
        "opend.example:8321",
        "opend.example",
        "proxy.example:443",
    ],
)
def test_allowed_hosts(host: str) -> None:
    allowed = AllowedHosts(["opend.example", "proxy.example:443"])
    assert allowed.accept(Authority.parse(host), PORT)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8322",
        "localhost:80",
        "127.0.0.2:8321",
        "[::2]:8321",
        "opend.example:80",
        "proxy.example",
        "proxy.example:8321",
        "evil.opend.example:8321",
        "opend.example.evil:8321",
        "opendxexample:8321",
    ],
)
def test_other_hosts(host: str) -> None:
    allowed = AllowedHosts(["opend.example", "proxy.example:443"])
    assert not allowed.accept(Authority.parse(host), PORT)


@pytest.mark.parametrize(
    "host",
    [
        "",
        " localhost",
        "localhost ",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:+80",
        "localhost:8321:8321",
        "user@localhost:8321",
        "localhost/",
        "localhost.",
        ".localhost",
        "local host",
        "local\thost",
        "[::1",
        "::1",
        "[::1]8321",
        "[localhost]",
        "[::1%eth0]",
        "localhost,evil.example",
        "l\u043ecalhost",  # a Cyrillic letter
        f"{'a' * 64}.example",
        "a." * 200,
    ],
)
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(ValueError, match="it is no|its port"):
        Authority.parse(host)


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_a_value_error(text: str) -> None:
    """And nothing but this machine's names is taken for them."""
    try:
        host = Authority.parse(text)
    except ValueError:
        return
    if AllowedHosts([]).accept(host, PORT):
        assert host.name in ("localhost", "127.0.0.1", "[::1]")
        assert host.port in (None, PORT)


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://127.0.0.1:8321", "127.0.0.1:8321", True),
        ("http://LOCALHOST:8321", "localhost:8321", True),
        ("http://[::1]:8321", "[::1]:8321", True),
        ("https://opend.example", "opend.example", True),
        ("https://opend.example:443", "opend.example", True),
        ("http://127.0.0.1:8322", "127.0.0.1:8321", False),
        ("http://127.0.0.1", "127.0.0.1:8321", False),
        ("http://localhost:8321", "127.0.0.1:8321", False),
        ("http://evil.example", "127.0.0.1:8321", False),
        ("http://127.0.0.1:8321.evil.example", "127.0.0.1:8321", False),
        ("http://127.0.0.1:8321/", "127.0.0.1:8321", False),
        ("http://127.0.0.1:8321@evil.example", "127.0.0.1:8321", False),
        ("file://", "127.0.0.1:8321", False),
        ("ftp://127.0.0.1:8321", "127.0.0.1:8321", False),
        ("null", "127.0.0.1:8321", False),
        ("", "127.0.0.1:8321", False),
    ],
)
def test_origins(origin: str, host: str, *, same: bool) -> None:
    assert is_same_origin(origin, Authority.parse(host)) is same


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("::ffff:192.168.1.2", False),
        ("localhost.evil.example", False),
        ("testclient", False),
    ],
)
def test_loopback(address: str, *, loopback: bool) -> None:
    assert is_loopback(address) is loopback
