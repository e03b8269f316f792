"""Imports of optional packages, with an error that says what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Wrap imports: if one fails, raise ModuleNotFoundError that names the extra to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{purpose} needs a package that is not installed ({error.name}); "
            f"try: pip install 'aiocapdist[{extra}]'",
            name=error.name,
        ) from None
