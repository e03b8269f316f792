"""The result of a whole sweep."""

from collections.abc import Iterator
from dataclasses import dataclass

from .._lazy import publish
from ..errors import AiocapdistError
from ._tables import Columns, Tabular, columns_of
from .figures import CapitalDistribution
from .securities import Security


@dataclass(frozen=True, slots=True)
class SweepResult(Tabular):
    """The outcomes of a sweep, in the order of the codes that were given.

    Iterating gives the values, ``len()`` is their number, and ``result["HK.00700"]`` is one of
    them: it raises that code's error if there is one, KeyError if the code was not asked for.
    ``"HK.00700" in result`` is True if there is a value.
    """

    values: dict[str, CapitalDistribution]
    """Figures by code."""
    errors: dict[str, AiocapdistError]
    """Errors by code."""

    def __iter__(self) -> Iterator[CapitalDistribution]:
        return iter(self.values.values())

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, code: object) -> bool:
        """True for a code that has a value, and for one of the values."""
        return str(code) in self.values or code in self.values.values()

    def __getitem__(self, code: str | Security) -> CapitalDistribution:
        code = str(code)
        if code in self.errors:
            raise self.errors[code]
        return self.values[code]

    def _columns(self) -> Columns:
        return columns_of(list(self), CapitalDistribution)

    def _repr_html_(self) -> str:
        from ._html import result_html  # for notebooks alone

        return result_html(self)


publish("aiocapdist", globals())
