"""Explains why a Redis server cannot be used: the reason, and what to try."""

from __future__ import annotations

from ...errors import QuotaUnavailable

RULES = "+ping +evalsha +eval +time +info +hgetall +hset +hdel +hincrby"
"""What an ACL has to allow on the key."""

_FORBIDDEN = ("its user may not do what is needed", f"allow it the key and {RULES}")
_FOREIGN = ("its key holds something else", "give another key, or delete what is there")
_REPLICA = ("it is a replica", "give the address of the master")
_OTHERWISE = "check that it runs there and can be reached"

# What is in the text of a ResponseError: the script's own words, and what Redis says of a
# command within a script, for which redis-py has no class.
_BY_TEXT = {
    "FOREIGN": _FOREIGN,
    "WRONGTYPE": _FOREIGN,
    "TERMS": (
        "other programs use this key with different settings",
        "give all the same limit, period, margin and lease, or another key",
    ),
    "NORUN": ("it does not tell its run id", "use Redis or Valkey itself"),
    "can't run this command": _FORBIDDEN,
    "can't access": _FORBIDDEN,
    "has no permissions": _FORBIDDEN,
    "READONLY": _REPLICA,
    "NOREPLICAS": (
        "it may not write without its replicas",
        "check whether another server has taken over, and give its address",
    ),
}


def explain(error: Exception, where: str) -> QuotaUnavailable:
    """Return the error for one of redis-py's, of the server's, or of the network's."""
    from redis import exceptions

    by_class = {
        exceptions.AuthenticationError: (
            "it rejects the user or the password",
            "check the user and the password in url",
        ),
        exceptions.NoPermissionError: _FORBIDDEN,
        exceptions.ReadOnlyError: _REPLICA,
        exceptions.BusyLoadingError: ("it is loading its data", "wait until it is ready"),
        exceptions.TimeoutError: ("it does not answer", "check that it runs and can be reached"),
        TimeoutError: ("it does not answer", "check that it runs and can be reached"),
    }
    for kind, words in by_class.items():
        # redis-py wraps some of its own errors into others.
        if isinstance(error, kind) or isinstance(error.__cause__, kind):
            return QuotaUnavailable(where, *words)
    text = str(error)
    for mark, words in _BY_TEXT.items():
        if mark in text:
            return QuotaUnavailable(where, *words)
    return QuotaUnavailable(where, text.rstrip(".") or type(error).__name__, _OTHERWISE)
