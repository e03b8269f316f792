"""The token that opens the server: as a Bearer token, or as the cookie that a browser gets."""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

MIN_LENGTH = 16


class Token:
    """A secret to compare with. Comparing takes the same time, whatever is given.

    Raises ValueError for a token that is short or that no header can hold.
    """

    def __init__(self, token: str) -> None:
        if not isinstance(token, str):
            raise TypeError(f"token is a string, not {type(token).__name__}")
        if len(token) < MIN_LENGTH or not (token.isascii() and token.isprintable()):
            raise ValueError(
                f"the token must have at least {MIN_LENGTH} characters, all of them printable "
                "ASCII; make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        if token != token.strip():
            raise ValueError("the token must not begin or end with a blank")
        self._digest = hashlib.sha256(token.encode()).digest()
        # Servers on other ports of a host get each other's cookies.
        self.cookie_name: str = f"aiocapdist_{self._derived('name')[:8]}"
        self.cookie: str = self._derived("cookie")
        """Value of the cookie: it opens this server, and does not tell the token."""
        self._cookie_digest = hashlib.sha256(self.cookie.encode()).digest()

    def __repr__(self) -> str:
        return "<Token>"

    def matches(self, given: str) -> bool:
        """True if this is the token."""
        digest = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        return hmac.compare_digest(digest, self._digest)

    def accepts(self, authorization: str | None, cookies: str | None) -> bool:
        """True if one of these headers has the token, or the cookie that stands for it."""
        if authorization is not None:
            scheme, _, given = authorization.partition(" ")
            return scheme.lower() == "bearer" and self.matches(given.strip())
        try:
            found = SimpleCookie(cookies or "").get(self.cookie_name)
        except CookieError:
            return False
        digest = hashlib.sha256((found.value if found else "").encode("utf-8", "replace")).digest()
        return hmac.compare_digest(digest, self._cookie_digest)

    def _derived(self, purpose: str) -> str:
        return hmac.new(self._digest, purpose.encode(), hashlib.sha256).hexdigest()
