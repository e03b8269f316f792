"""Ask for the capital flows of a list of codes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from .. import Client
from ..errors import AiocapdistError, ClientClosed, QuotaUnavailable
from ..models import Period
from .answers import FlowOutcome
from .sweep import Question


def flows_of(period: Period, start: str | None, end: str | None) -> Question[FlowOutcome]:
    """Return the question for the flows of a period."""

    async def ask(client: Client, codes: Iterator[str]) -> AsyncIterator[FlowOutcome]:
        for code in codes:
            try:
                flow = await client.capital_flow(code, period, start=start, end=end)
            except (ClientClosed, QuotaUnavailable):
                raise
            except AiocapdistError as error:
                yield FlowOutcome(code, error=error)
            else:
                yield FlowOutcome(code, flow)

    return Question(ask, lambda client: client.flow_quota)
