"""How bodies are sealed on the wire: bytes to bytes, both ways."""

from __future__ import annotations

from typing import Protocol


class Cipher(Protocol):
    """Seals what is sent and opens what comes."""

    def seal(self, body: bytes) -> bytes:
        """The body as it goes on the wire."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """The clear body of what came from the wire."""
        ...


class Clear:
    """No encryption: bodies travel as they are."""

    def seal(self, body: bytes) -> bytes:
        return body

    def open(self, sealed: bytes) -> bytes:
        return sealed


CLEAR = Clear()
