"""Where the RSA key comes from: a file, or bytes at hand. Warns of keys that are no secret."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .._protocol.rsa_key import is_published, parse_rsa_key
from ..errors import InvalidKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

log = logging.getLogger("aiocapdist")

KeySource: TypeAlias = str | os.PathLike[str] | bytes
"""A path to a PEM file, or the PEM text's bytes."""

_SHORTEST_KEY = 500  # characters, well below


def load_key(source: KeySource) -> RSAPrivateKey:
    """Read and check the key; raises InvalidKey. Reads a small file, so it blocks a moment."""
    if isinstance(source, bytes):
        key = parse_rsa_key(source)
    else:
        path = _path(source)
        try:
            pem = path.read_bytes()
            readable = bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
        except OSError as error:
            # A key's text without its first line could be a path: it is not shown either.
            name = path if len(os.fspath(path)) < _SHORTEST_KEY else "of so long a name"
            raise InvalidKey(f"the file {name} cannot be read: {error.strerror}") from None
        try:
            key = parse_rsa_key(pem)
        except InvalidKey as error:
            raise InvalidKey(f"the file {path} will not do: {error.reason}") from None
        if readable and os.name == "posix":
            log.warning("the RSA key file %s can be read by others; try: chmod 600 %s", path, path)
    if is_published(key):
        log.warning(
            "the RSA key is the one that the vendor publishes in its SDK: everybody has it; "
            "make one of your own with: openssl genrsa -traditional -out key.pem 1024"
        )
    return key


def _path(source: str | os.PathLike[str]) -> Path:
    """Where the file is. A text that is a key, not a path, is told without showing it."""
    text = os.fspath(source)
    if "\n" in text or "\0" in text or "-----BEGIN" in text:
        raise InvalidKey("a text was given that is no path; give a key itself as bytes")
    return Path(text)
