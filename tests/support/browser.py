"""A real browser for tests: the Chromium that is installed, driven by Playwright."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@cache
def chromium() -> str | None:
    """Return the path of an installed Chromium; None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@cache
def missing() -> str | None:
    """Return what a test in a browser lacks here; None if nothing."""
    if chromium() is None:
        return "no Chromium is installed: the page is not tried in a browser"
    try:
        import playwright.async_api  # noqa: F401
    except ModuleNotFoundError:
        return "playwright is not installed: the page is not tried in a browser"
    return None


@asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    """Start a browser."""
    from playwright.async_api import async_playwright

    path = chromium()
    assert path is not None
    async with async_playwright() as driver:
        running = await driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield running
        finally:
            await running.close()


@asynccontextmanager
async def visit(
    running: Any, url: str, *, allowed: str = "net::ERR|Failed to load resource", **options: Any
) -> AsyncIterator[Any]:
    """Open a page in a context of its own.

    An error that the page raises or logs fails the test at the end, unless it is ``allowed``: by
    default those about a server that does not answer.
    """
    options = {"viewport": DESKTOP, "locale": "en-US", "timezone_id": "Asia/Hong_Kong", **options}
    context = await running.new_context(**options)
    page = await context.new_page()
    errors: list[str] = []

    def note(message: Any) -> None:
        if message.type == "error" and not re.search(allowed, message.text):
            errors.append(message.text)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", note)
    try:
        await page.goto(url)
        yield page
    finally:
        await context.close()
    assert errors == []
