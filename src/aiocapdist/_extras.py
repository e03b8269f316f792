"""Packages that only some users need: imported when used, and missed in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Around imports: where one fails, say what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{purpose} needs a package that is not installed ({error.name}); "
            f"try: pip install 'aiocapdist[{extra}]'",
            name=error.name,
        ) from None
