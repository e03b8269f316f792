"""What is wrong with a Redis server, in words: the reason, and what to try."""

from __future__ import annotations

from typing import NamedTuple

from ...errors import QuotaUnavailable

RULES = "+ping +evalsha +eval +time +info +hgetall +hset +hdel +hincrby"
"""What an ACL has to allow on the key."""


class _Saying(NamedTuple):
    marks: tuple[str, ...]
    """Any of these is in the server's text, or is the class of redis-py's error."""
    reason: str
    hint: str


_SAYINGS = (
    _Saying(
        ("FOREIGN", "WRONGTYPE"),
        "its key holds something else",
        "give another key, or delete what is there",
    ),
    _Saying(
        ("TERMS",),
        "others use the same key by other terms",
        "give all the same limit, period, margin and lease, or another key",
    ),
    _Saying(
        ("AuthenticationError", "NOAUTH", "WRONGPASS"),
        "it does not let us in",
        "check the user and the password in url",
    ),
    _Saying(
        ("NoPermissionError", "can't run this command", "can't access"),
        "its user may not do what is needed",
        f"allow it the key and {RULES}",
    ),
    _Saying(("ReadOnlyError", "READONLY"), "it is a replica", "give the address of the master"),
    _Saying(("BusyLoadingError",), "it is loading its data", "wait until it is ready"),
    _Saying(("NORUN",), "it does not tell its run id", "use Redis or Valkey itself"),
    _Saying(("TimeoutError",), "it does not answer", "see that it runs and can be reached"),
)
_OTHERWISE = "see that it runs there and can be reached"


def explain(error: Exception, where: str) -> QuotaUnavailable:
    """The error for what redis-py, the server or the way there said."""
    # redis-py wraps some of its own errors into others.
    text = f"{type(error).__name__} {type(error.__cause__).__name__} {error}"
    for saying in _SAYINGS:
        if any(mark in text for mark in saying.marks):
            return QuotaUnavailable(where, saying.reason, saying.hint)
    reason = str(error).rstrip(".") or type(error).__name__
    return QuotaUnavailable(where, reason, _OTHERWISE)
