"""Who is let in: hosts, origins, machines, tokens, and how long a request may be."""

from __future__ import annotations

import logging
import time
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

import aiocapdist
from aiocapdist.web import create_app
from aiocapdist.web._guard import MAX_HEADERS, MAX_PATH, MAX_QUERY, SECURITY_HEADERS
from aiocapdist.web._token import Token

from ..support.web import HERE, visitor_of

pytestmark = pytest.mark.anyio

TOKEN = "open-sesame-open-sesame-0123456789"
OPEN = ["/", "/static/page.css", "/static/page.js", "/healthz", "/readyz"]
CLOSED = [
    "/v1/capital-distribution/HK.00700",
    "/v1/capital-distributions",
    "/v1/capital-flow/HK.00700",
    "/v1/curves",
    "/v1/status",
    "/v1/watch",
    "/metrics",
    "/openapi.json",
    "/no-such-path",
    "/static",
    "//static/page.js",
]


@pytest.fixture
def guarded(client: aiocapdist.Client) -> Starlette:
    """The application with a token."""
    return create_app(client, ["HK.00700"], token=TOKEN, allow_hosts=["opend.example"])


async def get(
    app: Any, path: str, headers: dict[str, str] | None = None, **options: Any
) -> httpx.Response:
    async with visitor_of(app, **options) as http:
        return await http.get(path, headers=headers)


# ---- the host, on every path


@pytest.mark.parametrize("path", [*OPEN, "/v1/status", "/v1/watch", "/metrics", "/no-such-path"])
async def test_a_foreign_host_is_refused_on_every_path(app: Starlette, path: str) -> None:
    """A name that resolves to this machine for a moment: DNS rebinding."""
    for host in ("evil.example:8321", "127.0.0.1:8322", "127.0.0.1.evil.example"):
        answer = await get(app, path, {"Host": host})
        assert answer.status_code == 421
        assert answer.json()["error"]["type"] == "HostNotAllowed"


async def test_a_host_that_is_none_or_given_twice_is_refused(app: Starlette) -> None:
    for headers in (
        [("Host", "user@127.0.0.1:8321")],
        [("Host", "127.0.0.1:8321"), ("Host", "127.0.0.1:8321")],
    ):
        async with visitor_of(app) as http:
            answer = await http.get("/healthz", headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "InvalidHost"


async def test_an_allowed_host_is_let_in(guarded: Starlette) -> None:
    for host in ("opend.example", "opend.example:8321", "[::1]:8321", "localhost:8321"):
        assert (await get(guarded, "/healthz", {"Host": host})).status_code == 200


# ---- pages of other origins


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://localhost:8321"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this machine
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
    ids=str,
)
async def test_pages_elsewhere_can_neither_read_nor_spend(
    client: aiocapdist.Client, headers: dict[str, str]
) -> None:
    app = create_app(client, [])
    calls = client.status.calls
    answer = await get(app, "/v1/capital-distribution/HK.00700", headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "OriginNotAllowed"
    assert client.status.calls == calls


async def test_nothing_allows_other_origins_to_read(app: Starlette) -> None:
    for headers in ({}, {"Origin": HERE}):
        answer = await get(app, "/v1/status", headers)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
    async with visitor_of(app) as http:
        preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
        assert (await http.options("/v1/status", headers=preflight)).status_code == 403


async def test_the_page_itself_can_be_linked_to_and_asks_from_its_own_origin(
    app: Starlette,
) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await get(app, "/", link)).status_code == 200
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert (await get(app, "/v1/status", headers)).status_code == 200


# ---- other machines


async def test_without_a_token_this_machine_alone_is_answered(app: Starlette) -> None:
    for address in ("127.0.0.1", "::1"):
        assert (await get(app, "/v1/status", client=(address, 1))).status_code == 200
    for address in ("192.168.1.2", "10.0.0.1", "fe80::1"):
        answer = await get(app, "/v1/status", client=(address, 1))
        assert answer.status_code == 403
        assert answer.json()["error"]["type"] == "NotLoopback"


# ---- the token


@pytest.mark.parametrize("path", OPEN)
async def test_the_shell_is_open(guarded: Starlette, path: str) -> None:
    answer = await get(guarded, path, client=("192.168.1.2", 1))
    assert answer.status_code == 200


WITHOUT_THE_TOKEN: list[dict[str, str]] = [
    {},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": TOKEN},
    {"Authorization": "Bearer "},
    {"Cookie": f"{Token(TOKEN).cookie_name}={TOKEN}"},
    {"Cookie": f"{Token(TOKEN).cookie_name}="},
    {"Cookie": "; ;=;,"},
    {"Authorization": "Bearer wrong", "Cookie": f"a={Token(TOKEN).cookie}"},
]


@pytest.mark.parametrize("path", CLOSED)
async def test_all_else_needs_the_token(guarded: Starlette, path: str) -> None:
    for headers in WITHOUT_THE_TOKEN:
        answer = await get(guarded, path, headers)
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["type"] == "TokenNeeded"
        assert TOKEN not in answer.text


async def test_the_token_lets_in(guarded: Starlette) -> None:
    for value in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
        assert (await get(guarded, "/v1/status", {"Authorization": value})).status_code == 200


async def test_a_browser_posts_it_once_and_gets_a_cookie(guarded: Starlette) -> None:
    async with visitor_of(guarded) as http:
        answer = await http.post("/v1/session", json={"token": TOKEN})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert TOKEN not in cookie
        assert (await http.get("/v1/status")).status_code == 200
        gone = (await http.delete("/v1/session")).headers["set-cookie"]
        assert "Max-Age=0" in gone
        assert (await http.get("/v1/status")).status_code == 401
    async with visitor_of(guarded, "https://opend.example") as http:
        answer = await http.post("/v1/session", json={"token": TOKEN})
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (f'{{"token": "{TOKEN}x"}}'.encode(), 401),
        (b'{"token": ""}', 401),
        (b'{"token": 7}', 422),
        (b"[]", 422),
        (b"token=1", 422),
        (b"\xff", 422),
        (b"[" * 4000, 422),
        (b"x" * 5000, 413),
    ],
)
async def test_a_wrong_token_gives_no_cookie(guarded: Starlette, body: bytes, status: int) -> None:
    async with visitor_of(guarded) as http:
        answer = await http.post("/v1/session", content=body)
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers


async def test_a_page_elsewhere_cannot_sign_a_browser_in(guarded: Starlette) -> None:
    async with visitor_of(guarded) as http:
        headers = {"Origin": "http://evil.example"}
        answer = await http.post("/v1/session", json={"token": TOKEN}, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_a_token_in_an_address_is_not_read(guarded: Starlette) -> None:
    for name in ("token", "access_token", "key"):
        assert (await get(guarded, f"/v1/status?{name}={TOKEN}")).status_code == 401


def test_comparing_takes_as_long_for_a_token_that_begins_right() -> None:
    """Only digests of equal length are compared, by a function made for it."""
    token = Token(TOKEN)
    guesses = [TOKEN[:-1] + "!", "!" * len(TOKEN)]
    best = {guess: float("inf") for guess in guesses}
    for _ in range(300):
        for guess in guesses:
            began = time.perf_counter()
            for _ in range(20):
                token.matches(guess)
            best[guess] = min(best[guess], time.perf_counter() - began)
    first, second = best.values()
    assert 0.5 < first / second < 2.0


def test_a_token_is_in_no_repr() -> None:
    assert TOKEN not in repr(Token(TOKEN))
    assert TOKEN not in str(vars(Token(TOKEN)))


@pytest.mark.parametrize(
    "token", ["", "short", " " * 20, "a" * 20 + "\n", "ü" * 20, "a" * 20 + " "]
)
def test_tokens_that_no_header_can_hold_or_that_are_short(token: str) -> None:
    with pytest.raises(ValueError, match="token must"):
        Token(token)


async def test_no_log_has_the_token(guarded: Starlette, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await get(guarded, "/v1/status", {"Authorization": f"Bearer {TOKEN}"})
    await get(guarded, f"/v1/status?token={TOKEN}", {"Authorization": f"Bearer {TOKEN}x"})
    ours = [
        record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    ]
    assert TOKEN not in "".join(record.getMessage() for record in ours)


# ---- lengths, and what answers carry


async def test_long_paths_and_queries_are_refused(app: Starlette) -> None:
    for path in (f"/{'a' * MAX_PATH}", f"/healthz?{'a' * (MAX_QUERY + 1)}"):
        answer = await get(app, path)
        assert (answer.status_code, answer.json()["error"]["type"]) == (414, "AddressTooLong")
    assert (await get(app, f"/healthz?{'a' * MAX_QUERY}")).status_code == 200


async def test_long_headers_are_refused_however_they_arrive(app: Starlette) -> None:
    assert (await get(app, "/healthz", {"X": "a" * (MAX_HEADERS - 500)})).status_code == 200
    for headers in ({"X": "a" * MAX_HEADERS}, {f"X-{n}": "a" * 100 for n in range(160)}):
        answer = await get(app, "/healthz", headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (431, "HeadersTooLong")


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/healthz", "/v1/status", "/nothing"])
async def test_every_answer_is_for_this_origin_alone(app: Starlette, path: str) -> None:
    for headers in ({}, {"Host": "evil.example"}):
        answer = await get(app, path, headers)
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "unsafe" not in answer.headers["content-security-policy"]


async def test_a_websocket_is_refused(app: Starlette) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await app({"type": "websocket", "path": "/v1/watch", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close"}]
