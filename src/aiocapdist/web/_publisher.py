"""One watch for all visitors: it runs while it has a reader, and feeds readers and curves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio

from .._client.base import hub_of
from ..errors import AiocapdistError, ClientClosed, RecordingError
from ..models import CapitalDistribution, Change
from ..models._records import error_record, figures_record, time_text
from . import _json
from ._curves import Curves
from ._feed import Feed

if TYPE_CHECKING:
    from .._client.client import Client
    from .._client.group import ClientGroup
    from .._client.watch import Watch
    from ..recording import Recording

logger = logging.getLogger("aiocapdist.web")

CHECK_EVERY = 1.0
"""Seconds between two looks at the connection and the quota."""
TELL_EVERY = 5
"""Looks between two reports to readers while only the numbers change."""
AT_ONCE = {"state", "resting"}
"""What readers are told of at the next look."""
RECORD_AGAIN = 5.0
"""Seconds between two attempts to record figures that could not be recorded."""
LONGEST_SESSION = timedelta(hours=20)


class Publisher:
    """Watches the codes of one client after another, and publishes what changes.

    ``status`` returns what readers are told of the connection and the quota.
    """

    def __init__(
        self,
        codes: Sequence[str],
        every: float,
        recording: Recording | None,
        status: Callable[[], dict[str, Any]],
    ) -> None:
        self.codes: tuple[str, ...] = tuple(dict.fromkeys(codes))
        self.every: float = every
        self.feed: Feed = Feed({"codes": self.codes, "every": every})
        self.curves: Curves = Curves(self.codes)
        self.curves_wanted: bool = False
        """True once somebody has looked at the curves: their beginnings are asked for then."""
        self.figures: dict[str, CapitalDistribution] = {}
        """The latest figures of each code."""
        self.failing: dict[str, AiocapdistError] = {}
        """Codes whose latest request failed."""
        self.recording: Recording | None = recording
        self.recording_error: RecordingError | None = None
        """Why figures are not being recorded; None if they are."""
        self.watch: Watch | None = None
        self._status = status
        self._client: Client | ClientGroup | None = None
        self._wanted = 0
        self._scope: anyio.CancelScope | None = None
        self._tried: set[tuple[str, object]] = set()

    # ---- start and stop

    def attach(self, client: Client | ClientGroup) -> None:
        """Use this client from now on. Raises InvalidCode."""
        self._client = client
        self.watch = client.watch(self.codes, every=self.every)
        self._start()

    def detach(self) -> None:
        """Stop watching: the client is being closed."""
        self._stop()
        self._client = self.watch = None

    def want(self) -> None:
        """Add a reader: the watch runs while there is one."""
        self._wanted += 1
        self._start()

    def unwant(self) -> None:
        """Remove a reader. Without one, nothing is asked."""
        self._wanted -= 1
        if not self._wanted:
            self._stop()

    def _start(self) -> None:
        if self._client is None or self._scope is not None or not self._wanted:
            return
        client, scope = self._client, anyio.CancelScope()

        async def run() -> None:
            try:
                with scope:
                    await self._run(client)
            finally:
                if self._scope is scope:  # it is the watch or the client that ended
                    self._scope = None
                    self.feed.end_readers()

        if hub_of(client).start_soon(run):
            self._scope = scope

    def _stop(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
            self._scope = None

    # ---- what runs, in the client's own tasks

    async def _run(self, client: Client | ClientGroup) -> None:
        """Publish until cancelled or until the client ends. A bug here must not end the client."""
        assert self.watch is not None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._tell_status)
                group.start_soon(self._fill_curves, client)
                if self.recording is not None:
                    group.start_soon(self._record, self.recording, self.watch)
                await self._follow(self.watch)
                group.cancel_scope.cancel()
        except Exception:
            logger.exception("the watch failed; its readers have to come back")

    async def _follow(self, watch: Watch) -> None:
        reader = aiter(watch)
        try:
            async for change in reader:
                self._take(change)
        except ClientClosed:
            pass
        finally:
            await reader.aclose()

    def _take(self, change: Change) -> None:
        """Publish one change, unless it is what was published last."""
        seen = {"seen_at": time_text(change.seen_at)}
        if change.gateway is not None:
            seen["gateway"] = change.gateway
        if change.error is not None:
            self.failing[change.code] = change.error
            self.feed.publish(change.code, error_record(change.code, change.error) | seen)
            return
        assert change.value is not None
        previous = self.figures.get(change.code)
        is_over = self.failing.pop(change.code, None) is not None
        if previous == change.value and not is_over:
            return  # the watch starts again, and its first answers are no news
        self.figures[change.code] = change.value
        self.curves.add(change.value, change.seen_at)
        moved = None if previous is None else change.value.main_net - previous.main_net
        record = {**figures_record(change.value), "main_net_change": moved}
        self.feed.publish(change.code, record | seen)

    async def _tell_status(self) -> None:
        """Tell readers of a new state at once, and of new numbers every few seconds."""
        told: dict[str, Any] = {}
        looks = 0
        while True:
            status = self._status()
            looks += 1
            news = {name for name in status if status[name] != told.get(name)}
            if news & AT_ONCE or (news and looks >= TELL_EVERY):
                told, looks = status, 0
                self.feed.tell_status({**status, "now": _json.now_text()})
            await anyio.sleep(CHECK_EVERY)

    async def _fill_curves(self, client: Client | ClientGroup) -> None:
        """Ask for the day so far of codes that were not watched from the opening on.

        Once for each code and day, and never for the last half of the quota of flows: that is
        for visitors.
        """
        quota = client.flow_quota
        while True:
            code = None
            if self.curves_wanted and quota.available * 2 >= quota.limit:
                code = self._next_to_fill()
            if code is None:
                await anyio.sleep(CHECK_EVERY)
                continue
            try:
                flow = await client.capital_flow(code, timeout=30.0)
            except AiocapdistError as error:
                logger.info("no curve of %s before now: %s", code, error)
                continue
            self.curves.fill(flow)
            self.feed.tell_curve(code, self.curves[code].points)

    def _next_to_fill(self) -> str | None:
        """Return a code whose curve lacks its beginning, and that was not tried today."""
        days = [(code, self.curves[code].day) for code in self.curves.partial()]
        todo = next((each for each in days if each not in self._tried), None)
        if todo is None:
            return None
        self._tried = {one for one in self._tried if one in days} | {todo}
        return todo[0]

    async def _record(self, recording: Recording, watch: Watch) -> None:
        """Record each change. While that fails it is tried again, and serving goes on."""
        reader = aiter(watch)
        try:
            await self._read_back(recording)
            async for change in reader:
                while True:
                    if await self._recorded(recording, change):
                        break
                    await anyio.sleep(RECORD_AGAIN)
        except ClientClosed:
            pass
        finally:
            await reader.aclose()

    async def _recorded(self, recording: Recording, change: Change) -> bool:
        try:
            await recording.add(change)
        except RecordingError as error:
            if self.recording_error is None:
                logger.warning("%s; it is tried again every %g s", error, RECORD_AGAIN)
            self.recording_error = error
            return False
        if self.recording_error is not None:
            logger.warning("figures are recorded again")
        self.recording_error = None
        return True

    async def _read_back(self, recording: Recording) -> None:
        """Begin the curves with what was recorded today."""
        since = datetime.now(UTC) - LONGEST_SESSION
        recorded = Curves(self.codes)
        try:
            async for figures in recording.read(self.codes, since=since):
                if figures.updated_at is not None:
                    recorded.add(figures, figures.updated_at)
            self.curves.restore(recorded)
        except RecordingError as error:
            logger.warning("no curves from what was recorded: %s", error)
