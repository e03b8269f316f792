"""Check the arguments of calls."""

from __future__ import annotations

import math

from .._protocol import catalog


def check_seconds(name: str, value: object) -> None:
    """Raise TypeError or ValueError unless ``value`` is None or a number of seconds from 0 on."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number of seconds, not {type(value).__name__}")
    if not value >= 0:
        raise ValueError(f"{name} must be 0 seconds or more, not {value!r}")


def check_every(value: object) -> None:
    """Raise TypeError or ValueError unless ``every`` is a number of seconds above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"every is a number of seconds, not {type(value).__name__}")
    if not 0 < value < math.inf:
        raise ValueError(f"every must be a number of seconds above 0, not {value!r}")


def check_askable(proto_id: int) -> None:
    """Raise ValueError for calls of the connection itself, and for pushes."""
    if isinstance(proto_id, bool) or not isinstance(proto_id, int) or not 0 < proto_id < 2**32:
        raise ValueError(f"proto_id is OpenD's number of a call, such as 3211, not {proto_id!r}")
    if proto_id in catalog.CONNECTION_ONLY or proto_id in catalog.PUSHES:
        raise ValueError(f"proto {proto_id} cannot be asked: the connection itself deals with it")


def check_message(message: object) -> None:
    """Raise TypeError for what is no protobuf message, ValueError if it lacks required fields."""
    from google.protobuf.message import Message  # few programs make such calls

    if not isinstance(message, Message):
        raise TypeError(f"message is a protobuf message, not {type(message).__name__}")
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())  # type: ignore[attr-defined]
        raise ValueError(f"the message lacks required fields: {missing}")
