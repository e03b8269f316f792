"""The probe as a whole: samples, then the experiment on the quota, then what they show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import cycle

from ...._client.client import Client
from ....errors import AiocapdistError
from ...language import mark, tr
from ..findings import PROBE, Finding
from ..reaching import text_of
from .conclusions import kind_findings, length_finding, quota_findings, zone_finding
from .exchange import Exchange, exchange
from .quota import Ask, Experiment
from .samples import Samples

SECOND = mark("second OpenD")


class Probe:
    """Finds out by experiment what is not known of OpenD.

    ``first`` and ``second`` are connections to one OpenD that share a quota; ``other`` is one
    to another OpenD of the same account, or None. ``add`` is called with each finding, ``note``
    with what goes on.
    ``timeout`` is in seconds, for each request; ``today`` is used to choose contracts.
    """

    def __init__(
        self,
        first: Client,
        second: Client,
        other: Client | None,
        *,
        add: Callable[[Finding], None],
        note: Callable[[str], None] = lambda text: None,
        timeout: float,
        today: date,
    ) -> None:
        self._first = first
        self._second = second
        self._other = other
        self._add = add
        self._note = note
        self._timeout = timeout
        self._samples = Samples(first, today, timeout)

    async def run(self) -> None:
        """Run it. What is known is reported, even if it is cancelled; raises no library error."""
        try:
            self._check_account()
            await self._take_samples()
            await self._examine_quota()
        except AiocapdistError as error:
            text, advice = text_of(error)
            text = tr("it ended early: {reason}", reason=text)
            self._add(Finding(PROBE, "failed", text, advice or tr("run it again")))

    def _check_account(self) -> None:
        """Leave the other OpenD out if it is of another account."""
        if self._other is None:
            return
        mine, its = (client.status.login_user_id for client in (self._first, self._other))
        if mine is None or its is None:
            text = tr("it does not report its account: assumed to be the same")
            self._add(Finding(SECOND, "warning", text, tr("make sure that it is")))
        elif mine != its:
            self._other = None
            text = tr("it is logged in to another account: it tells nothing about this one")
            self._add(Finding(SECOND, "warning", text, tr("log in there with the same account")))
        else:
            self._add(Finding(SECOND, "ok", tr("it is logged in to the same account")))

    async def _take_samples(self) -> None:
        samples = self._samples
        await samples.take()
        for finding in kind_findings(samples):
            self._add(finding)
        self._add(zone_finding(samples))
        round_trip = self._first.status.round_trip
        self._add(length_finding(samples, round_trip.median if round_trip else 0.0))

    async def _examine_quota(self) -> None:
        codes = cycle(self._samples.answered)
        quota = self._first.quota
        timeout = self._timeout + 2 * quota.period  # it may wait for the quota
        if not self._samples.answered:
            text = tr("no stock has figures: the quota was not examined")
            self._add(Finding(PROBE, "failed", text))
            return

        def asking(client: Client) -> Ask:
            async def ask(counted: bool) -> Exchange:
                return await exchange(client, next(codes), counted=counted, timeout=timeout)

            return ask

        experiment = Experiment(
            asking(self._first),
            asking(self._second),
            None if self._other is None else asking(self._other),
            limit=quota.limit,
            period=quota.period,
        )
        seconds = 2.5 * quota.period
        self._note(tr("examining the quota takes {seconds:.0f} s…", seconds=seconds))
        try:
            await experiment.run()
        finally:
            for finding in quota_findings(experiment.evidence):
                self._add(finding)
