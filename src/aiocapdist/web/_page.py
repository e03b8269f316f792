"""The page's files: read once, sent as they are. Nothing in them is made for a visitor."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TYPES = {
    "index.html": "text/html",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "row.js": "text/javascript",
    "drawing.js": "text/javascript",
    "text.js": "text/javascript",
    "words.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def page_routes() -> list[Route]:
    """Return the routes of the page and of what it loads."""
    folder = files("aiocapdist.web") / "static"
    routes = []
    for name, media_type in TYPES.items():
        path = "/" if name == "index.html" else f"/static/{name}"
        routes.append(Route(path, _file((folder / name).read_bytes(), media_type)))
    return routes


def _file(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}

    async def file(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return file
