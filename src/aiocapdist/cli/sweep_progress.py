"""How far a list of codes is: drawn, answered, failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..models import Outcome
from ..quota import Quota


class Tally:
    """A list of codes and what has become of them so far.

    A code given twice counts as two, since it gets two outcomes; it costs one request.
    """

    def __init__(self, codes: Sequence[str]) -> None:
        self.answered = 0
        self.failed = 0
        self._codes = codes
        self._undrawn = set(codes)
        self._open = Counter(codes)

    @property
    def total(self) -> int:
        return len(self._codes)

    @property
    def done(self) -> int:
        return self.answered + self.failed

    def draw(self) -> Iterator[str]:
        """The codes, for a sweep: it draws them as the quota lets them go, one ahead."""
        for code in self._codes:
            self._undrawn.discard(code)
            yield code

    def count(self, outcome: Outcome) -> None:
        """One code's outcome has come."""
        self._open[outcome.code] -= 1
        if outcome.error is None:
            self.answered += 1
        else:
            self.failed += 1

    def without_outcome(self) -> list[tuple[str, bool]]:
        """Codes without an outcome so far, each with whether it was drawn."""
        return [(code, code not in self._undrawn) for code in self._open.elements()]

    def seconds_left(self, quota: Quota) -> float:
        """Until the quota lets the last code go: an estimate.

        Only codes not drawn yet count: those in flight need no token any more, and the
        one that is drawn but held back stands in the quota's line already.
        """
        further = len(self._undrawn)
        if not further and not quota.waiting:
            return 0.0
        return quota.eta(max(1, further))
