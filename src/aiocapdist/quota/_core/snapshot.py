"""How the tokens of a shared quota stand, for people to read. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Presence = Literal["alive", "dead", "out of sight"]


class Owner(NamedTuple):
    """Who has tokens, as far as can be told from here."""

    name: str
    program: str | None
    presence: Presence


class Token(NamedTuple):
    """One that is not free."""

    owner: Owner | None
    """None where it is not known any more who spent it."""
    held: bool
    """By a request that is under way; else it cools."""
    back_in: float
    """Seconds until it is free. A request under way is taken to be answered now."""


@dataclass(frozen=True)
class Holding:
    """What one owner has."""

    holder: str | None
    program: str | None
    presence: Presence | None
    held: int
    cooling: int
    all_back_in: float


@dataclass(frozen=True)
class QuotaSnapshot:
    """All tokens of one account. Times are seconds from the moment of looking."""

    where: str
    limit: int
    period: float
    free: int
    held: int
    cooling: int
    refused: int
    """Requests that OpenD refused for frequency, since the quota was begun."""
    waiting: int
    """Programs that wait for a token, as far as is known."""
    next_in: float
    """Until a token is free; 0 while one is."""
    all_back_in: float
    unknown_for: float
    """How long nothing is granted as it is not known who spent what; 0 where it is."""
    holders: list[Holding]


def overview(
    where: str,
    limit: int,
    period: float,
    *,
    tokens: list[Token],
    refused: int,
    waiting: int,
    unknown_for: float = 0.0,
) -> QuotaSnapshot:
    """The sums. ``tokens`` are all that are not free."""
    free = limit - len(tokens)
    held = sum(token.held for token in tokens)
    next_in = 0.0 if free else min(token.back_in for token in tokens)
    return QuotaSnapshot(
        where=where,
        limit=limit,
        period=period,
        free=free,
        held=held,
        cooling=len(tokens) - held,
        refused=refused,
        waiting=waiting,
        next_in=next_in,
        all_back_in=_last(tokens),
        unknown_for=unknown_for,
        holders=_holdings(tokens),
    )


def _holdings(tokens: list[Token]) -> list[Holding]:
    """One for each owner, who has most first."""
    by_owner: dict[Owner | None, list[Token]] = {}
    for token in tokens:
        by_owner.setdefault(token.owner, []).append(token)
    most_first = sorted(by_owner.items(), key=lambda entry: -len(entry[1]))
    return [_holding(owner, theirs) for owner, theirs in most_first]


def _holding(owner: Owner | None, tokens: list[Token]) -> Holding:
    held = sum(token.held for token in tokens)
    name, program, presence = owner or (None, None, None)
    return Holding(name, program, presence, held, len(tokens) - held, _last(tokens))


def _last(tokens: Iterable[Token]) -> float:
    return max((token.back_in for token in tokens), default=0.0)
