"""The server with a recording: what is kept, what is read back, and a recording that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from aiocapdist import Client, RecordingError
from aiocapdist.recording import Recording
from aiocapdist.web import _publisher, create_app

from ..support.market_hours import SetClock
from ..support.waiting import until
from ..support.web import visitor_of

pytestmark = pytest.mark.anyio
CODES = ["HK.00700", "HK.00005"]


async def test_each_change_is_kept_and_curves_begin_with_what_was_kept(
    client: Client, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_publisher, "LONGEST_SESSION", _since_ever())
    with anyio.fail_after(20):
        async with Recording(tmp_path / "day.sqlite") as recording:
            app = create_app(client, CODES, every=0.05, recording=recording)
            async with app.router.lifespan_context(app):
                for _ in range(3):
                    await _recorded(app, recording)
                    clock.next_figures()
                await _recorded(app, recording)
            kept = [figures async for figures in recording.read(["HK.00700"])]
            assert len({figures.updated_at for figures in kept}) == 4
            clock.next_figures()
            after = create_app(client, CODES, every=0.05, recording=recording)
            async with after.router.lifespan_context(after):
                curve = after.state.service.publisher.curves
                await until(lambda: len(curve.points()["HK.00700"]) == 5)


async def test_a_recording_that_fails_is_told_and_tried_again_and_serving_goes_on(
    client: Client,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(_publisher, "RECORD_AGAIN", 0.05)
    with anyio.fail_after(20):
        async with Recording(tmp_path / "day.sqlite") as recording:
            broken = _Broken(recording)
            app = create_app(client, ["HK.00700"], every=0.05, recording=broken)  # type: ignore[arg-type]
            async with app.router.lifespan_context(app), visitor_of(app) as http:
                await until(lambda: broken.failures > 2)
                status = (await http.get("/v1/status")).json()
                assert (status["recording"], status["state"]) == (False, "ready")
                assert (await http.get("/v1/capital-distribution/HK.00700")).status_code == 200
                assert "aiocapdist_recording_failing 1.0" in (await http.get("/metrics")).text
                broken.is_broken = False
                await until(lambda: broken.kept)
                assert (await http.get("/v1/status")).json()["recording"] is True
            assert set(await recording.latest()) == {"HK.00700"}
    told = [record.getMessage() for record in caplog.records if "aiocapdist.web" in record.name]
    assert len(told) == 2  # once when it begins, once when it is over
    assert "disk is full" in told[0]


class _Broken:
    """A recording whose disk is full for a while."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.is_broken = True
        self.failures = 0
        self.kept = 0

    async def add(self, *figures: Any) -> None:
        if self.is_broken:
            self.failures += 1
            raise RecordingError("day.sqlite", "the disk is full", "make room")
        await self._recording.add(*figures)
        self.kept += 1

    def read(self, *args: Any, **options: Any) -> Any:
        return self._recording.read(*args, **options)


async def _recorded(app: Any, recording: Recording) -> None:
    """Wait until the latest figures of all codes are in the recording."""
    figures = app.state.service.publisher.figures
    while True:
        await anyio.sleep(0.15)
        if len(figures) == len(CODES) and await recording.latest() == figures:
            return


def _since_ever() -> Any:
    from datetime import timedelta

    return timedelta(days=36500)
