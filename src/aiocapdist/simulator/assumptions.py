"""What is unknown about OpenD without an account, and what the simulator assumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal, TypeAlias

from ._kinds import KINDS, Kind

MIN_PADDING = 7
"""Bytes of the shortest field that padding can be."""

KindAnswer: TypeAlias = Literal["figures", "zeros", "unsupported", "unknown"]

_DEFAULT_ANSWERS: dict[Kind, KindAnswer] = {
    "index": "unsupported",
    "future": "unsupported",
    "option": "unsupported",
    "currency": "unsupported",
    "event": "unsupported",
}


@dataclass(frozen=True)
class Assumptions:
    """What the simulator assumes where OpenD's behaviour is unknown.

    Passed as ``Simulator(assumptions=…)``.

    ``quota_of`` says who has a quota: each ``connection``, each ``opend``, or the ``account``,
    so that several simulators share it (``Simulator(account=…)``). ``counted`` says when a
    request begins to count: on its ``arrival``, when its ``reply`` is sent, or somewhere
    ``underway``, which is a random part of the latency. ``refusal_text`` and ``refusal_code``
    are sent to requests over the quota; None is the text that OpenD is known to send.

    ``kinds`` says what the securities of a kind get, ``figures``, ``zeros``, ``unsupported``
    or ``unknown``, where it differs from the default; the kinds are ``stock``, ``index``,
    ``future``, ``option``, ``etf``, ``crypto``, ``currency`` and ``event``. ``update_zones``
    has the time zone of ``update_time`` by market, such as ``US``; the others have their own.
    Without ``update_timestamp``, figures have that text alone. ``padding`` is a number of
    bytes, at least 7, by which replies with figures are longer.

    ``aiocapdist doctor --probe`` finds out all of these. Raises ValueError for a wrong value.
    """

    quota_of: Literal["connection", "opend", "account"] = "account"
    counted: Literal["underway", "arrival", "reply"] = "underway"
    refusal_text: str | None = None
    refusal_code: int = 0
    kinds: Mapping[Kind, KindAnswer] = field(default_factory=dict)
    update_zones: Mapping[str, tzinfo] = field(default_factory=dict)
    update_timestamp: bool = True
    padding: int = 0

    def __post_init__(self) -> None:
        _check("quota_of", self.quota_of, ("connection", "opend", "account"))
        _check("counted", self.counted, ("underway", "arrival", "reply"))
        for kind, answer in self.kinds.items():
            _check("a kind of security", kind, KINDS)
            _check(f"kinds[{kind!r}]", answer, ("figures", "zeros", "unsupported", "unknown"))
        if self.padding and self.padding < MIN_PADDING:
            raise ValueError(f"padding is 0 or at least {MIN_PADDING} bytes, not {self.padding!r}")

    def answer_to(self, kind: Kind) -> KindAnswer:
        """Return what securities of this kind get."""
        return self.kinds.get(kind) or _DEFAULT_ANSWERS.get(kind, "figures")


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is one of {', '.join(allowed)}, not {value!r}")
