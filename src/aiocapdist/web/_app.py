"""The application: routes behind the guard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import AiocapdistError
from ..models import Security
from . import _errors as errors
from ._guard import Guard
from ._hosts import AllowedHosts
from ._metrics import Metrics
from ._routes import Routes
from ._service import Connectable, Service
from ._token import Token

if TYPE_CHECKING:
    from ..recording import Recording


def make_app(
    client: Connectable,
    codes: Iterable[str | Security],
    token: str | None,
    every: float,
    allow_hosts: Iterable[str],
    recording: Recording | None,
) -> Starlette:
    """Build the application; its ``state.service`` is what it serves from."""
    service = Service(client, codes, every, recording)
    metrics = Metrics(service)
    secret = None if token is None else Token(token)
    hosts = AllowedHosts(allow_hosts)
    routes = Routes(service, secret, metrics).all()
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(CountAnswers, metrics, {each.endpoint: each.path for each in routes}),
            Middleware(Guard, secret, hosts),
        ],
        exception_handlers={
            AiocapdistError: errors.on_error,
            errors.Rejection: errors.on_rejection,
            HTTPException: errors.on_http_error,
            Exception: errors.on_fault,
        },
        lifespan=service.lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


class CountAnswers:
    """Counts answers by route and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Mapping[Any, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = self._paths.get(scope.get("endpoint"), "other")
                self._metrics.count(path, message["status"])
            await send(message)

        await self._app(scope, receive, send_counted if scope["type"] == "http" else send)
