"""Reasons and hints of errors about connecting, in the language in use. Pure.

The library's errors are English. Where a check shows a part of one, as it is for a user who has
no OpenD running yet, that part is translated.
"""

from __future__ import annotations

import re

from ..language import mark, tr

_TEXTS = (
    mark("the host name cannot be resolved"),
    mark("the connection was refused"),
    mark("no answer within {0} s"),
    mark("the handshake failed: the peer speaks {0}, not OpenD's protocol"),
    mark("check the address, and that no firewall is in between"),
    mark("check the port: OpenD's port is not {0}"),
    mark("start OpenD and log in, and check that its API port is {0}"),
    mark("start OpenD and log in, and check that its WebSocket port is {0}"),
    mark("if OpenD's WebSocket port is {0}, use {1}; else check the port"),
)


def translated(text: str) -> str:
    """Return the text in the language in use; as it is if it is none of the usual ones."""
    for known in _TEXTS:
        if found := re.fullmatch(re.sub(r"\\{\d\\}", "(.+)", re.escape(known)), text):
            return tr(known).format(*found.groups())
    return tr(text)
