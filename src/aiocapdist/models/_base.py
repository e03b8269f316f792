"""Base class of all models.

Modules with public models import no annotations from the future: their classes name
``aiocapdist`` as their module, and annotations in strings would be looked up there.
"""

from enum import IntEnum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

_E = TypeVar("_E", bound=IntEnum)
_M = TypeVar("_M", bound=BaseModel)


class Frozen(BaseModel):
    """An immutable model, compared by value. Unknown fields are an error."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @property
    def model_fields_set(self) -> set[str]:
        """Names of the fields that were given."""
        return set(self.__pydantic_fields_set__)  # a copy: models may share theirs


_set_values, _set_fields_set, _set_extra, _set_private = (
    vars(BaseModel)[slot].__set__
    for slot in (
        *("__dict__", "__pydantic_fields_set__"),
        *("__pydantic_extra__", "__pydantic_private__"),
    )
)


def construct(kind: type[_M], values: dict[str, Any], fields_set: set[str]) -> _M:
    """Create the model that validation of ``values`` would return, at a quarter of its cost.

    For values that are known to be valid, one for each field in its order. Models share
    ``fields_set``, which weighs more than half of them else.
    """
    model = object.__new__(kind)
    _set_values(model, values)
    _set_fields_set(model, fields_set)
    _set_extra(model, None)
    _set_private(model, None)
    return model


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
