"""Base class of all models.

Modules with public models import no annotations from the future: their classes name
``aiocapdist`` as their module, and annotations in strings would be looked up there.
"""

from enum import IntEnum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

_E = TypeVar("_E", bound=IntEnum)


class Frozen(BaseModel):
    """An immutable model, compared by value. Unknown fields are an error."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class BaseEvent(Frozen):
    """Base class of all events.

    ``gateway`` names the gateway that the event is about if a client has several, else None.
    """

    gateway: str | None = None

    def __repr_args__(self) -> Any:
        return [pair for pair in super().__repr_args__() if pair != ("gateway", None)]


def known(kind: type[_E], number: int) -> _E | int:
    """Return the member of ``kind`` with this number, or the number if it has no name yet."""
    return kind(number) if number in kind._value2member_map_ else number
