"""Options of all commands that talk to OpenD: where it is, which quota, or simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .language import tr
from .options import ConnectionOptions, QuotaOptions

if TYPE_CHECKING:
    from .._client.connect import Connecting


@dataclass(frozen=True)
class Source:
    """What to connect to, and what to try after an error of a type."""

    opend: Connecting | None
    """The client to enter; None simulates an OpenD."""
    suggestions: Mapping[type[Exception], str]


@Parameter(name="*")
@dataclass(frozen=True)
class ClientOptions:
    """How to reach OpenD.

    Parameters
    ----------
    simulate
        Ask a built-in simulator instead of OpenD: the figures are made up.
    """

    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    quota: QuotaOptions = field(default_factory=QuotaOptions)
    simulate: Annotated[bool, Parameter(negative=())] = False

    def source(self) -> Source:
        """Return what to connect to.

        Raises ValueError for wrong options, ModuleNotFoundError for a missing extra,
        QuotaUnavailable for a quota's file on Windows.
        """
        if self.simulate:
            if not (self.connection.is_default and self.quota.is_default):
                raise ValueError(
                    tr("--simulate uses no OpenD: leave out either it or --address and the quota")
                )
            return Source(None, {})
        quota = self.quota.make_quota(self.connection.opend)
        return Source(self.connection.connect(quota), self._suggestions())

    def _suggestions(self) -> dict[type[Exception], str]:
        from ..errors import ConnectError, QuotaUnavailable

        found: dict[type[Exception], str] = {}
        if self.connection.is_default:
            found[ConnectError] = tr("to see made-up figures without OpenD, add --simulate")
        if self.quota.is_default:
            found[QuotaUnavailable] = tr("to count the calls of this run alone, add --quota none")
        return found
