"""Changes of figures, as a watch reports them."""

from datetime import UTC, datetime
from typing import NamedTuple

from .._lazy import publish
from ..errors import AiocapdistError
from .figures import CapitalDistribution, amount_of_value

_NO_AMOUNTS = {"code", "market", "update_time", "updated_at"}
_AMOUNTS = frozenset(
    {*CapitalDistribution.model_fields, *CapitalDistribution.model_computed_fields} - _NO_AMOUNTS
)


class Change(NamedTuple):
    """One change of a watched security: new figures in ``value``, or an ``error``, never both.

    The first answer about a security is a change too. So is ``value`` after an error, even if
    the figures are those from before the error. Source: proto 3212.
    """

    code: str
    value: CapitalDistribution | None
    """The new figures; None if the request failed."""
    previous: CapitalDistribution | None
    """The figures that this reader was given last, errors aside; None if there were none."""
    error: AiocapdistError | None
    """Why there are no figures. Reported when it begins, again only if its type changes."""
    skipped: int
    """Number of changes of this security that came and were replaced before they were read."""
    gateway: str | None
    """The gateway that answered or was asked last; None for a single client."""
    seen_at: datetime
    """Time at which the answer arrived, by this machine's clock, aware, in UTC."""

    @property
    def age(self) -> float | None:
        """Seconds since the time of the figures, by this machine's clock, at this moment.

        None without figures, or if OpenD did not send their time.
        """
        if self.value is None or self.value.updated_at is None:
            return None
        return (datetime.now(UTC) - self.value.updated_at).total_seconds()

    def crossed(self, field: str, level: float = 0.0) -> int:
        """Return 1 if an amount rose above ``level``, -1 if it fell from above it, else 0.

        ``field`` is an amount of :class:`CapitalDistribution`, such as ``main_net``. The change
        is from ``previous`` to ``value``; 0 if either is missing or does not have the amount.

        Raises ValueError if there is no such amount.
        """
        if field not in _AMOUNTS:
            raise ValueError(f"{field!r} is none of the amounts {', '.join(sorted(_AMOUNTS))}")
        before = getattr(self.previous, field, None)
        now = getattr(self.value, field, None)
        if before is None or now is None:
            return 0
        return int(now > level) - int(before > level)

    def unwrap(self) -> CapitalDistribution:
        """Return the figures; raise the error if there are none."""
        if self.value is None:
            assert self.error is not None
            raise self.error
        return self.value


Change.__getattr__ = amount_of_value  # type: ignore[attr-defined] # type checkers report it
publish("aiocapdist", globals())
