"""The paths, and what each answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from importlib.metadata import version
from typing import Any, TypeVar

import anyio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..models import Outcome, Security
from ..models._records import figures_record, flow_record, outcome_record
from . import _arguments as arguments
from . import _json
from ._errors import Json, Rejection, status_of
from ._feed import MAX_READERS, TooManyReaders
from ._metrics import CONTENT_TYPE, Metrics
from ._openapi import description
from ._page import page_routes
from ._service import Service, quota_record
from ._stream import EventStream, cancel_on_disconnect
from ._token import Token

ANSWER_TIMEOUT = 15.0
"""Seconds that a call may take, the wait for the quota aside."""
AWAY_WAIT = 2.0
"""Seconds that calls wait for an OpenD that is away: most losses are shorter."""
MAX_BODY = 4096

T = TypeVar("T")


class Routes:
    """Answers requests from one service."""

    def __init__(self, service: Service, token: Token | None, metrics: Metrics) -> None:
        self._service = service
        self._token = token
        self._metrics = metrics
        self._version = version("aiocapdist")
        self._description = description(self._version, with_token=token is not None)

    def all(self) -> list[Route]:
        """Return the routes of the application."""
        return [
            *page_routes(),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
            Route("/v1/capital-distribution/{code}", self.distribution),
            Route("/v1/capital-distributions", self.distributions),
            Route("/v1/capital-flow/{code}", self.flow),
            Route("/v1/curves", self.curves),
            Route("/v1/session", self.session, methods=["POST", "DELETE"]),
            Route("/v1/status", self.status),
            Route("/v1/watch", self.watch),
        ]

    # ---- figures

    async def distribution(self, request: Request) -> Response:
        arguments.check_names(request, ("max_age", "max_wait"))
        query = request.query_params
        max_age = arguments.seconds(query, "max_age", 0.0, arguments.LONGEST_AGE)
        max_wait, timeout = self._bounds(request)
        code = Security.parse(request.path_params["code"])
        client = self._service.client

        async def call() -> Response:
            figures = await client.capital_distribution(
                code,
                max_age=max_age,
                max_wait=max_wait,
                timeout=timeout,
            )
            return Json(figures_record(figures))

        return await _while_connected(request, call)

    async def distributions(self, request: Request) -> Response:
        arguments.check_names(request, ("codes", "max_age", "max_wait"))
        query = request.query_params
        codes = arguments.codes(query, self._service.publisher.codes)
        max_age = arguments.seconds(query, "max_age", 0.0, arguments.LONGEST_AGE)
        _, timeout = self._bounds(request)
        client = self._service.client

        async def call() -> Response:
            found: dict[str, Outcome] = {}
            sweep = client.capital_distributions(codes, timeout=timeout, max_age=max_age)
            async for outcome in sweep:
                found[outcome.code] = outcome
            _raise_if_none_answered(list(found.values()))
            return Json([outcome_record(found[code]) for code in codes])

        return await _while_connected(request, call)

    async def flow(self, request: Request) -> Response:
        arguments.check_names(request, ("period", "start", "end", "max_wait"))
        query = request.query_params
        period = arguments.period(query)
        max_wait, timeout = self._bounds(request)
        code = Security.parse(request.path_params["code"])
        client = self._service.client

        async def call() -> Response:
            flow = await client.capital_flow(
                code,
                period,
                start=query.get("start"),
                end=query.get("end"),
                max_wait=max_wait,
                timeout=timeout,
            )
            return Json(flow_record(flow))

        try:
            return await _while_connected(request, call)
        except ValueError as error:
            if type(error) is not ValueError:
                raise  # InvalidCode is one as well
            raise Rejection(422, "InvalidQuery", str(error)) from None

    async def curves(self, request: Request) -> Response:
        arguments.check_names(request, ())
        self._service.publisher.curves_wanted = True
        return Json(self._service.publisher.curves.points())

    async def watch(self, request: Request) -> Response:
        arguments.check_names(request, ())
        _ = self._service.client  # raises why there is none
        try:
            return EventStream(self._service.publisher, request.headers.get("last-event-id"))
        except TooManyReaders:
            text = f"{MAX_READERS} event streams are open, and this server has room for no more"
            raise Rejection(503, "TooManyReaders", text, {"Retry-After": "60"}) from None

    # ---- the server

    async def status(self, request: Request) -> Response:
        service = self._service
        hidden = {"login_user_id", "conn_id"}  # of the account, and of no use here
        gateways = [
            {"name": name, **status.model_dump(mode="json", exclude=hidden)}
            for name, status in service.gateways.items()
        ]
        publisher = service.publisher
        return Json(
            {
                **service.summary(),
                "gateways": gateways,
                "flow_quota": (
                    quota_record(service.quotas["flow"]) if "flow" in service.quotas else None
                ),
                "codes": publisher.codes,
                "every": publisher.every,
                "readers": len(publisher.feed.readers),
                "version": self._version,
                "now": _json.now_text(),
            }
        )

    async def health(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readiness(self, request: Request) -> Response:
        ready = self._service.is_ready
        return PlainTextResponse(f"{self._service.state}\n", 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        return Response(self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def openapi(self, request: Request) -> Response:
        return Json({**self._description, "servers": [{"url": request.scope["root_path"] or "/"}]})

    async def session(self, request: Request) -> Response:
        """Give a browser the cookie that stands for the token, or take it away."""
        response = Response(status_code=204)
        if self._token is None:
            return response
        options: dict[str, Any] = {
            "path": request.scope["root_path"] or "/",
            "secure": request.url.scheme == "https",
            "httponly": True,
            "samesite": "strict",
        }
        if request.method == "DELETE":
            response.delete_cookie(self._token.cookie_name, **options)
        elif self._token.matches(await _given_token(request)):
            response.set_cookie(self._token.cookie_name, self._token.cookie, **options)
        else:
            raise Rejection(401, "WrongToken", "that is not this server's token")
        return response

    def _bounds(self, request: Request) -> tuple[float | None, float]:
        """Return how long a call may wait for the quota, and how long it may take as a whole.

        While OpenD is away it may take as long as most losses do.
        """
        wait = arguments.seconds(
            request.query_params, "max_wait", arguments.DEFAULT_WAIT, arguments.MAX_WAIT
        )
        if not self._service.is_ready:
            # Without max_wait: the error would speak of the quota.
            return None, max(min(wait, AWAY_WAIT), 0.001)
        return wait, wait + ANSWER_TIMEOUT


async def _while_connected(request: Request, call: Callable[[], Awaitable[Response]]) -> Response:
    """Make a call, and cancel it if the visitor leaves: what was not sent costs nothing."""
    answer: Response | None = None
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(cancel_on_disconnect, request.receive, group.cancel_scope)
        try:
            answer = await call()
        except Exception as error:
            failure = error  # raised below, so that the group does not wrap it
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return answer or Response(status_code=499)  # nobody is there to read it


def _raise_if_none_answered(outcomes: list[Outcome]) -> None:
    """Raise the error of the first code if no code was answered, and all for one reason.

    OpenD away or the quota used up: that is no answer, whatever is in it.
    """
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if len(errors) == len(outcomes) and {status_of(error)[0] for error in errors} <= {429, 503}:
        raise errors[0]


async def _given_token(request: Request) -> str:
    """Return the token in a body: ``{"token": "…"}``. Raises Rejection."""
    too_long = Rejection(413, "BodyTooLong", f"the limit is {MAX_BODY} bytes")
    stated = request.headers.get("content-length", "0")
    if not stated.isdecimal() or len(stated) > 9 or int(stated) > MAX_BODY:
        raise too_long
    body = b""
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MAX_BODY:
                raise too_long
    try:
        token = json.loads(body)["token"]
    except (ValueError, TypeError, KeyError, RecursionError):
        token = None
    if not isinstance(token, str):
        raise Rejection(422, "InvalidBody", 'expected JSON such as {"token": "…"}')
    return token
