"""How the tokens of a shared quota stand, for people and programs to read. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Presence = Literal["alive", "dead", "out of sight"]


class OwnerInfo(NamedTuple):
    """An owner of tokens, as far as can be told from here."""

    name: str
    program: str | None
    presence: Presence


class TokenInfo(NamedTuple):
    """A token that is not free."""

    owner: OwnerInfo | None
    """None if it is not known any more."""
    held: bool
    """True if its request is in flight; else it expires."""
    back_in: float
    """Seconds until it is free. A request in flight is taken to be answered now."""


@dataclass(frozen=True)
class OwnerTokens:
    """The tokens of one owner."""

    owner: str | None
    program: str | None
    presence: Presence | None
    held: int
    expiring: int
    all_back_in: float


@dataclass(frozen=True)
class QuotaSnapshot:
    """All tokens of one account. Times are seconds from the moment of looking."""

    where: str
    limit: int
    period: float
    free: int
    held: int
    expiring: int
    rejections: int
    """Requests that OpenD rejected for frequency, since the quota was first used."""
    waiting: int
    """Programs that wait for a token, as far as is known."""
    next_in: float
    """Seconds until a token is free; 0 if one is."""
    all_back_in: float
    """Seconds until all are free."""
    unknown_for: float
    """Seconds for which nothing is granted as it is not known what was spent; 0 if it is."""
    owners: list[OwnerTokens]
    """The owners of tokens, the one with most first."""


def take_snapshot(
    where: str,
    limit: int,
    period: float,
    *,
    tokens: list[TokenInfo],
    rejections: int,
    waiting: int,
    unknown_for: float = 0.0,
) -> QuotaSnapshot:
    """Sum up ``tokens``, which are all that are not free."""
    free = limit - len(tokens)
    held = sum(token.held for token in tokens)
    next_in = 0.0 if free else min(token.back_in for token in tokens)
    return QuotaSnapshot(
        where=where,
        limit=limit,
        period=period,
        free=free,
        held=held,
        expiring=len(tokens) - held,
        rejections=rejections,
        waiting=waiting,
        next_in=next_in,
        all_back_in=_last(tokens),
        unknown_for=unknown_for,
        owners=_by_owner(tokens),
    )


def _by_owner(tokens: list[TokenInfo]) -> list[OwnerTokens]:
    groups: dict[OwnerInfo | None, list[TokenInfo]] = {}
    for token in tokens:
        groups.setdefault(token.owner, []).append(token)
    most_first = sorted(groups.items(), key=lambda entry: -len(entry[1]))
    return [_sum_up(owner, theirs) for owner, theirs in most_first]


def _sum_up(owner: OwnerInfo | None, tokens: list[TokenInfo]) -> OwnerTokens:
    held = sum(token.held for token in tokens)
    name, program, presence = owner or (None, None, None)
    return OwnerTokens(name, program, presence, held, len(tokens) - held, _last(tokens))


def _last(tokens: Iterable[TokenInfo]) -> float:
    return max((token.back_in for token in tokens), default=0.0)
