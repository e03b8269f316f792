"""What each path answers, without a server between: on every event loop."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

import aiocapdist
from aiocapdist import (
    AiocapdistError,
    BackendError,
    ClientClosed,
    ConnectError,
    ConnectionLost,
    InvalidCode,
    OpenDError,
    ProtocolError,
    Quota,
    QuotaExceeded,
    QuotaUnavailable,
    QuotaWaitTooLong,
    RequestTimeout,
    UnknownSecurity,
    UnsupportedSecurity,
)
from aiocapdist.models._records import figures_record
from aiocapdist.simulator import Simulator
from aiocapdist.web import create_app
from aiocapdist.web._errors import status_of

from ..support.internals import pause_grants, resume_grants
from ..support.waiting import until
from ..support.web import visitor_of

pytestmark = pytest.mark.anyio
Asked = Callable[[], list[str | None]]


async def get(app: Any, path: str, **options: Any) -> httpx.Response:
    with anyio.fail_after(10):
        async with visitor_of(app) as http:
            return await http.get(path, **options)


async def test_figures_have_the_names_of_the_command_line(
    app: Starlette, client: aiocapdist.Client
) -> None:
    answer = await get(app, "/v1/capital-distribution/HK.00700")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    figures = await client.capital_distribution("HK.00700")
    assert answer.json() == figures_record(figures)
    assert answer.json()["market"] == "HK"


async def test_a_wrong_code_is_422_and_asks_nothing(app: Starlette, asked: Asked) -> None:
    answer = await get(app, "/v1/capital-distribution/hk.00700")
    assert answer.status_code == 422
    assert answer.json()["code"] == "hk.00700"
    assert answer.json()["error"]["type"] == "InvalidCode"
    assert "HK.00700" in answer.json()["error"]["message"]
    assert asked() == []


async def test_an_unknown_code_is_404(app: Starlette) -> None:
    answer = await get(app, "/v1/capital-distribution/HK.99999")
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "UnknownSecurity"


@pytest.mark.parametrize(
    ("error", "status", "seconds"),
    [
        (InvalidCode("x", "wrong"), 422, None),
        (UnknownSecurity(-1, "no"), 404, None),
        (UnsupportedSecurity(-1, "no"), 404, None),
        (QuotaWaitTooLong(7.2, 1.0), 429, 7.2),
        (QuotaWaitTooLong(float("inf"), 1.0), 503, 5),
        (QuotaExceeded(-1, "often"), 429, 30.0),
        (RequestTimeout(3212, 5.0), 504, None),
        (RequestTimeout(3212, 5.0, waited_for="quota", eta=3.0), 429, 3.0),
        (RequestTimeout(3212, 5.0, waited_for="connection"), 503, 5),
        (ConnectError("h", 1, "r", "t"), 503, 5),
        (ConnectionLost("r", sent=True), 503, 5),
        (ClientClosed(), 503, 5),
        (QuotaUnavailable("w", "r", "h"), 503, 5),
        (BackendError(-1, "no"), 502, None),
        (OpenDError(-1, "no"), 502, None),
        (ProtocolError("no"), 502, None),
        (AiocapdistError("no"), 502, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_status(
    error: AiocapdistError, status: int, seconds: float | None
) -> None:
    assert status_of(error) == (status, seconds)


async def test_a_long_wait_for_the_quota_is_429_with_whole_seconds(opend: Simulator) -> None:
    quota = Quota(1, 600.5)
    async with aiocapdist.connect(port=opend.port, quota=quota) as client:
        app = create_app(client, [])
        began = anyio.current_time()
        await get(app, "/v1/capital-distribution/HK.00001")
        answer = await get(app, "/v1/capital-distribution/HK.00002?max_wait=0.5")
        took = anyio.current_time() - began
    assert answer.status_code == 429
    assert math.ceil(600.5 - took) <= int(answer.headers["retry-after"]) <= 601
    assert answer.json()["error"]["type"] == "QuotaWaitTooLong"


async def test_while_opend_is_away_calls_are_503(app: Starlette, opend: Simulator) -> None:
    await opend.go_away()
    with anyio.fail_after(5):
        while (await get(app, "/readyz")).status_code == 200:  # noqa: ASYNC110
            await anyio.sleep(0.01)
    for path in ("/v1/capital-distribution/HK.00700", "/v1/capital-distributions"):
        answer = await get(app, f"{path}?max_wait=0.1")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["error"]["type"] == "RequestTimeout"
        assert "connection to OpenD" in answer.json()["error"]["message"]
    assert (await get(app, "/healthz")).status_code == 200


async def test_what_is_fresh_is_given_out_while_opend_is_away(
    app: Starlette, opend: Simulator
) -> None:
    path = "/v1/capital-distribution/HK.00700?max_age=60"
    before = await get(app, path)
    await opend.go_away()
    assert (await get(app, path)).json() == before.json()


async def test_max_age_costs_no_call(app: Starlette, asked: Asked) -> None:
    for _ in range(5):
        answer = await get(app, "/v1/capital-distribution/HK.00700?max_age=60")
        assert answer.status_code == 200
    answer = await get(app, "/v1/capital-distributions?codes=HK.00700,HK.00005&max_age=60")
    assert [one["code"] for one in answer.json()] == ["HK.00700", "HK.00005"]
    assert asked() == ["HK.00700", "HK.00005"]


async def test_many_visitors_for_one_code_cost_one_call() -> None:
    async with Simulator(latency=0.05) as opend:
        async with aiocapdist.connect(port=opend.port) as client:
            app = create_app(client, [])
            answers: list[int] = []

            async def visit() -> None:
                answers.append((await get(app, "/v1/capital-distribution/HK.00700")).status_code)

            async with anyio.create_task_group() as group:
                for _ in range(100):
                    group.start_soon(visit)
    assert answers == [200] * 100
    assert [one.code for one in opend.requests if one.proto_id == 3212] == ["HK.00700"]


@pytest.mark.parametrize(
    "path", ["/v1/capital-distribution/HK.00002", "/v1/capital-distributions?codes=HK.00002"]
)
async def test_a_visitor_that_leaves_spends_nothing_more(opend: Simulator, path: str) -> None:
    """Its call waits for the quota when it leaves, and is not sent when there is a token."""
    quota = Quota()
    async with aiocapdist.connect(port=opend.port, quota=quota) as client:
        app = create_app(client, [])
        pause_grants(quota)
        left = anyio.Event()
        name, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": name,
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1:8321")],
            "server": ("127.0.0.1", 8321),
            "client": ("127.0.0.1", 40000),
        }

        async def receive() -> Any:
            if not left.is_set():
                await left.wait()
            return {"type": "http.disconnect"}

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(app, scope, receive, send)
                await until(lambda: quota.waiting)
                left.set()
            await until(lambda: not quota.waiting)
            resume_grants(quota)
            # A call that is made afterwards has the token that the visitor did not take.
            await get(app, "/v1/capital-distribution/HK.00003")
    assert sent[0]["status"] == 499
    codes = [one.code for one in opend.requests if one.proto_id == 3212]
    assert codes == ["HK.00003"]


async def test_many_codes_come_in_the_order_asked_for_with_their_errors(app: Starlette) -> None:
    codes = "US.AAPL,HK.99999,wrong,HK.00700"
    answer = await get(app, f"/v1/capital-distributions?codes={codes}")
    assert answer.status_code == 200
    assert [one["code"] for one in answer.json()] == codes.split(",")
    kinds = [one.get("error", {}).get("type") for one in answer.json()]
    assert kinds == [None, "UnknownSecurity", "InvalidCode", None]


async def test_without_codes_the_watched_ones_are_meant(app: Starlette) -> None:
    answer = await get(app, "/v1/capital-distributions")
    assert [one["code"] for one in answer.json()] == ["HK.00700", "HK.00005"]


async def test_a_flow_is_given_by_name(app: Starlette) -> None:
    answer = (await get(app, "/v1/capital-flow/HK.00700?period=day&start=2023-11-01")).json()
    assert (answer["market"], answer["period"]) == ("HK", "DAY")
    assert answer["points"][0]["day"] == "2023-11-01"
    assert {"at", "in_flow", "super_in_flow"} <= set(answer["points"][0])
    assert (await get(app, "/v1/capital-flow/HK.00700")).json()["period"] == "INTRADAY"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("capital-distribution/HK.00700?maxage=1", "max_age, max_wait"),
        ("capital-distribution/HK.00700?max_age=1&max_age=2", "twice"),
        ("capital-distribution/HK.00700?max_age=soon", "0 to 86400"),
        ("capital-distribution/HK.00700?max_wait=-1", "0 to 600"),
        ("capital-distribution/HK.00700?max_wait=nan", "0 to 600"),
        ("capital-distributions?codes=,", "1 to 500"),
        ("capital-flow/HK.00700?period=year", "intraday, day, week, month"),
        ("capital-flow/HK.00700?period=day&start=yesterday", "2025-12-31"),
        ("capital-flow/HK.00700?start=2025-12-31", "not for INTRADAY"),
        ("watch?token=secret", "no parameter is named 'token'; there is none here"),
    ],
)
async def test_a_wrong_parameter_is_422_and_says_what_was_expected(
    app: Starlette, asked: Asked, query: str, told: str
) -> None:
    answer = await get(app, f"/v1/{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "InvalidQuery"
    assert told in answer.json()["error"]["message"]
    assert asked() == []


async def test_other_paths_and_methods_are_errors_in_json_too(app: Starlette) -> None:
    answer = await get(app, "/v2/everything")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "NotFound")
    async with visitor_of(app) as http:
        answer = await http.post("/v1/status")
    assert (answer.status_code, answer.json()["error"]["type"]) == (405, "MethodNotAllowed")


async def test_a_bug_is_500_without_a_word_of_it(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(app.state.service, "summary", fail)
    answer = await get(app, "/v1/status")
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "InternalError")
    assert "secret" not in answer.text


async def test_the_status_tells_connection_and_quota_but_not_the_account(app: Starlette) -> None:
    text = (await get(app, "/v1/status")).text
    answer = json.loads(text)
    assert answer["state"] == "ready"
    assert answer["quota"]["limit"] == 10_000
    assert answer["codes"] == ["HK.00700", "HK.00005"]
    assert answer["gateways"][0]["server_version"] == "10.11"
    assert "login" not in text


async def test_a_group_tells_of_each_gateway(opend: Simulator) -> None:
    gateways = [aiocapdist.connect(port=opend.port, quota=Quota()) for _ in range(2)]
    async with aiocapdist.connect_many(gateways) as clients:
        answer = (await get(create_app(clients, []), "/v1/status")).json()
    assert len({one["name"] for one in answer["gateways"]}) == 2
    assert answer["quota"]["limit"] == 60


async def test_every_text_is_printable_ascii(client: aiocapdist.Client) -> None:
    """What a visitor's terminal shows of a text from elsewhere acts on nothing."""
    answer = await get(create_app(client, []), "/v1/capital-distribution/HK.%1B[2J%E2%80%AE%7F")
    assert answer.status_code == 422
    assert answer.text.isascii()
    assert answer.text.isprintable()
    assert answer.json()["code"] == "HK.\x1b[2J\u202e\x7f"


async def test_the_description_is_valid_and_has_every_path(app: Starlette) -> None:
    import openapi_spec_validator

    description = (await get(app, "/openapi.json")).json()
    openapi_spec_validator.validate(description)
    routes = {route.path for route in app.routes if isinstance(route, Route)}
    page = {path for path in routes if path == "/" or path.startswith("/static/")}
    assert set(description["paths"]) == routes - page - {"/openapi.json"}
    figures = (await get(app, "/v1/capital-distribution/HK.00700")).json()
    assert set(description["components"]["schemas"]["CapitalDistribution"]["properties"]) == set(
        figures
    )
    assert figures["market"] in description["components"]["schemas"]["Market"]["enum"]


async def test_before_there_is_a_client_calls_are_503_and_say_so() -> None:
    """Mounted with a client that nobody connects: no lifespan ever begins."""
    app = create_app(aiocapdist.connect(port=1), ["HK.00700"])
    for wrong in ("capital-distribution/HK.700", "capital-flow/HK.700", "capital-flow/US.A?a=1"):
        assert (await get(app, f"/v1/{wrong}")).status_code == 422
    for path in ("/v1/capital-distribution/HK.00700", "/v1/watch"):
        answer = await get(app, path)
        assert answer.status_code == 503
        assert "lifespan" in answer.json()["error"]["message"]
    assert (await get(app, "/v1/status")).json()["state"] == "connecting"
    assert (await get(app, "/readyz")).status_code == 503


def test_wrong_arguments_are_told_at_once() -> None:
    with pytest.raises(TypeError, match="what connect"):
        create_app("127.0.0.1", [])  # type: ignore[arg-type]
    with pytest.raises(InvalidCode):
        create_app(aiocapdist.connect(), ["hk.700"])
    with pytest.raises(ValueError, match="16 characters"):
        create_app(aiocapdist.connect(), [], token="short")
    with pytest.raises(ValueError, match="cannot be allowed"):
        create_app(aiocapdist.connect(), [], allow_hosts=["http://here"])
    with pytest.raises(TypeError, match="codes"):
        create_app(aiocapdist.connect(), "HK.00700")
