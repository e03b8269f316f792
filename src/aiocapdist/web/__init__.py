"""A web application: JSON, server-sent events, metrics and a live page from one client.

::

    app = aiocapdist.web.create_app(aiocapdist.connect(), ["HK.00700", "US.AAPL"])

Needs the extra ``web``. On the command line: ``aiocapdist serve``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._extras import needs_extra

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from ..models import Security
    from ..recording import Recording
    from ._service import Connectable

__all__ = ["create_app"]


def create_app(
    client: Connectable,
    codes: Iterable[str | Security],
    token: str | None = None,
    *,
    every: float = 60.0,
    allow_hosts: Iterable[str] = (),
    recording: Recording | None = None,
) -> Starlette:
    """Return an ASGI application that serves the figures of one client to many visitors.

    ``client`` is a client or a group on the server's event loop, or what ``connect()`` or
    ``connect_many()`` returns, not yet entered: the application's lifespan then connects it,
    serves while OpenD is away, and closes it. ``codes`` are watched, each asked for once in
    ``every`` seconds and shown on the page at ``/``; visitors may ask for others. With a
    lifespan the watch runs all the time, without one (mounted in another application) while
    there is a reader of ``/v1/watch``. Changes are kept in ``recording``, an open one.

    Without a ``token``, only programs on this machine are answered. With one, only requests that
    send it: at least 16 characters, as ``Authorization: Bearer``, or posted by the page for a
    cookie.
    Requests must name this machine's loopback, or one of ``allow_hosts``: ``opend.example``, or
    ``opend.example:8321``.

    Raises InvalidCode for a code, ValueError for a token or host that is not valid, TypeError for
    other arguments, ModuleNotFoundError without the extra ``web``.
    """
    with needs_extra("web", "aiocapdist.web"):
        from ._app import make_app

    return make_app(client, codes, token, every, allow_hosts, recording)
