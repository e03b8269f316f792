"""Answers on standard output, as every command writes them."""

from __future__ import annotations

import json
import sys


def as_json(data: object, indent: int | None = None) -> str:
    """JSON that standard output can hold: OpenD's words are Chinese on most machines."""
    plain = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    return json.dumps(data, ensure_ascii=plain, indent=indent)


def write(text: str) -> None:
    """At once: between two answers there may be half a minute."""
    # Looked up anew each time: a bar on the same terminal puts itself in between.
    print(text, end="", flush=True)
