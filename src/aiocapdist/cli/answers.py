"""What commands get for a code: of a sweep, a watch, or a list of flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..errors import AiocapdistError

if TYPE_CHECKING:
    from ..models import CapitalFlow


class Answer(Protocol):
    """The answer about one code: a value, or an error."""

    @property
    def code(self) -> str: ...

    @property
    def error(self) -> AiocapdistError | None: ...


class FlowOutcome(NamedTuple):
    """The capital flow of one code, or an error."""

    code: str
    value: CapitalFlow | None = None
    error: AiocapdistError | None = None
