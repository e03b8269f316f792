"""Who may ask what: checked before anything else, on every path."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._errors import Rejection, rejection
from ._hosts import AllowedHosts, Authority, is_loopback, is_same_origin
from ._token import Token

MAX_PATH = 256
MAX_QUERY = 8192
"""Bytes: enough for 700 codes."""
MAX_HEADERS = 16384
"""Bytes of all headers."""
SHELL = frozenset({"/", "/healthz", "/readyz", "/v1/session"})
"""Open without the token, as is the page's folder: nothing of OpenD's is in them."""
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Refuses requests that are not meant for this server, or come from strangers.

    Without a token only this machine's own programs are answered. A request must name an
    allowed host. One that a browser makes must be for a page of this server: pages elsewhere
    can neither read answers nor spend the quota by asking.
    """

    def __init__(self, app: ASGIApp, token: Token | None, hosts: AllowedHosts) -> None:
        self._app = app
        self._token = token
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers.update(SECURITY_HEADERS)
            await send(message)

        try:
            self._check(scope, Headers(scope=scope))
        except Rejection as refused:
            await rejection(refused)(scope, receive, send_safely)
            return
        await self._app(scope, receive, send_safely)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Raise Rejection unless this request may be answered."""
        if len(scope["path"].encode()) > MAX_PATH or len(scope["query_string"]) > MAX_QUERY:
            text = f"the limits are {MAX_PATH} bytes for a path and {MAX_QUERY} for a query"
            raise Rejection(414, "AddressTooLong", text)
        if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADERS:
            text = f"the limit is {MAX_HEADERS} bytes for all headers"
            raise Rejection(431, "HeadersTooLong", text)
        host = self._checked_host(scope, headers)
        path = route_path(scope)
        _check_origin(headers, host, is_page=path == "/")
        if self._token is None:
            client = scope.get("client")
            if client is not None and not is_loopback(client[0]):
                text = "without a token, this server answers programs of its own machine alone"
                raise Rejection(403, "NotLoopback", text)
            return
        is_open = path in SHELL or path.startswith("/static/")
        credentials = headers.get("authorization"), headers.get("cookie")
        if not (is_open or self._token.accepts(*credentials)):
            text = "this needs the token, as: Authorization: Bearer TOKEN"
            raise Rejection(401, "TokenNeeded", text, {"WWW-Authenticate": "Bearer"})

    def _checked_host(self, scope: Scope, headers: Headers) -> Authority:
        given = headers.getlist("host")
        server = scope.get("server")
        try:
            (text,) = given
            host = Authority.parse(text)
        except ValueError:
            text = "a request needs one Host header, with a host and perhaps a port"
            raise Rejection(400, "InvalidHost", text) from None
        if not self._hosts.accept(host, server[1] if server else None):
            text = "this host is not allowed: see --allow-host, or allow_hosts in Python"
            raise Rejection(421, "HostNotAllowed", text)
        return host


def _check_origin(headers: Headers, host: Authority, *, is_page: bool) -> None:
    """Raise Rejection for what a page of another origin makes a browser ask.

    Links to the page may be followed from anywhere: nobody but the visitor sees the answer.
    """
    origins = headers.getlist("origin")
    foreign = any(not is_same_origin(origin, host) for origin in origins)
    # Browsers send no Origin with images and scripts, but say where the page is from.
    site = headers.get("sec-fetch-site", "none")
    followed = is_page and headers.get("sec-fetch-mode") == "navigate"
    if foreign or (site not in ("same-origin", "none") and not followed):
        text = "pages of other origins cannot use this server"
        raise Rejection(403, "OriginNotAllowed", text)


def route_path(scope: Scope) -> str:
    """Return the path within this application, which may be mounted in another."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path[len(root) :] or "/" if root and path.startswith(f"{root}/") else path
