"""Load the RSA key from a file or from bytes. Warns of keys that are not secret."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from .._protocol.rsa_key import is_published, parse_rsa_key
from ..errors import InvalidKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

log = logging.getLogger("aiocapdist")

_MIN_KEY_TEXT = 500  # characters; the shortest key's PEM text has more


def load_key(source: str | os.PathLike[str] | bytes) -> RSAPrivateKey:
    """Load and check the key. Raises InvalidKey. Blocks while it reads the file."""
    if isinstance(source, bytes):
        key = parse_rsa_key(source)
    else:
        path = _path(source)
        try:
            pem = path.read_bytes()
            readable = bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
        except OSError as error:
            # A long "path" may be a key's text without its first line: do not show it.
            name = path if len(os.fspath(path)) < _MIN_KEY_TEXT else "with a very long name"
            raise InvalidKey(f"the file {name} cannot be read: {error.strerror}") from None
        try:
            key = parse_rsa_key(pem)
        except InvalidKey as error:
            raise InvalidKey(f"the file {path} holds no usable key: {error.reason}") from None
        if readable and os.name == "posix":
            log.warning("the RSA key file %s can be read by others; try: chmod 600 %s", path, path)
    if is_published(key):
        log.warning(
            "the RSA key is the one that the vendor publishes in its SDK and is not secret; "
            "make your own with: openssl genrsa -traditional -out key.pem 1024"
        )
    return key


def _path(source: str | os.PathLike[str]) -> Path:
    """Return the path of the file. Raises InvalidKey for a key's text, without showing it."""
    text = os.fspath(source)
    if "\n" in text or "\0" in text or "-----BEGIN" in text:
        raise InvalidKey("the text given is not a path; pass the key itself as bytes")
    return Path(text)
