"""What all models have in common."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

_E = TypeVar("_E", bound=IntEnum)


class Frozen(BaseModel):
    """Compared by value, never changed, and wary of what it does not know."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


def known(kind: type[_E], number: int) -> _E | int:
    """The member of ``kind`` with this number, or the number where it has no name yet."""
    return kind(number) if number in kind._value2member_map_ else number
