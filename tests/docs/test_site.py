"""The built site in a real browser: nothing clipped, no dead link, readable, found by search."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from .pages import DOCS

pytest.importorskip("furo", reason="the site's builder is not installed: nox -s docs")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

WORDS = (
    "pandas", "rate limit", "FastAPI", "Redis", "pytest",
    "Jupyter", "Parquet", "timeout", "reconnect", "WebSocket", "主力",
)  # fmt: skip
CHINESE_WORDS = ("主力", "特大单", "频率限制", "pandas")

CLIPPED = """() => {
  const wide = document.scrollingElement.scrollWidth - document.documentElement.clientWidth;
  const clipped = [...document.querySelectorAll("article pre")].filter(
    (each) => each.scrollWidth > each.clientWidth + 1);
  return [wide > 1 ? `the page by ${wide}px` : "", ...clipped.map((each) => each.innerText)]
    .filter(Boolean);
}"""

FAINT = """() => {
  const part = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (each) => {
    for (; each; each = each.parentElement) {
      const color = numbers(getComputedStyle(each).backgroundColor);
      if (color.length < 4 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  const texts = document.createTreeWalker(
    document.querySelector("article"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const each = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !each.offsetParent) continue;
    if (each.closest("svg, .headerlink, button")) continue;
    const pair = [light(numbers(getComputedStyle(each).color)), light(behind(each))];
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) faint.add(texts.currentNode.data.trim().slice(0, 60));
  }
  return [...faint];
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as HTML, those in Chinese in a folder of theirs."""
    if built := os.environ.get("AIOCAPDIST_SITE"):
        return Path(built)
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS)]
    subprocess.run([*command, str(out)], check=True, timeout=300)
    chinese = ["-D", "language=zh_CN", str(out / "zh")]
    subprocess.run([*command, *chinese], check=True, timeout=300)
    return out


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served, on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # the browser left before it had all
                super().handle()

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def page_paths(site: Path) -> list[str]:
    made = {"genindex.html", "search.html", "py-modindex.html"}
    paths = sorted(path for path in site.rglob("*.html") if path.name not in made)
    return [path.relative_to(site).as_posix() for path in paths]


@pytest.mark.parametrize("path", ["index.html", "guides/watch.html"])
def test_a_page_leads_to_itself_in_the_other_language(site: Path, path: str) -> None:
    up = "../" * path.count("/")
    assert f'lang="zh" href="{up}zh/{path}"' in (site / path).read_text("utf-8")
    chinese = (site / "zh" / path).read_text("utf-8")
    assert f'lang="en" href="{up}../{path}"' in chinese
    assert 'lang="zh"' not in chinese


def test_no_link_within_the_site_is_dead(site: Path) -> None:
    dead = []
    anchors = {
        path: set(re.findall(r'\bid="([^"]+)"', path.read_text("utf-8")))
        for path in site.rglob("*.html")
    }
    for page in page_paths(site):
        here = site / page
        for link in re.findall(r'(?:href|src)="([^"]+)"', here.read_text("utf-8")):
            target, _, anchor = unquote(unescape(link)).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            there = (here.parent / target.partition("?")[0]).resolve() if target else here
            known = anchors.get(there)
            if not there.exists() or (anchor and known is not None and anchor not in known):
                dead.append(f"{page}: {link}")
    assert dead == []


@needs_browser
@pytest.mark.parametrize("width", [360, 1280])
def test_no_code_is_clipped(site: Path, address: str, browser: Any, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    clipped = {}
    for path in page_paths(site):
        page.goto(f"{address}/{path}")
        if found := page.evaluate(CLIPPED):
            clipped[path] = found
    page.close()
    assert clipped == {}


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(site: Path, address: str, browser: Any, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    faint = {}
    for path in [each for each in page_paths(site) if not each.startswith("zh/")]:
        page.goto(f"{address}/{path}")
        if found := page.evaluate(FAINT):
            faint[path] = found
    page.close()
    assert faint == {}


@needs_browser
@pytest.mark.parametrize(
    ("path", "word"),
    [*(("", word) for word in WORDS), *(("zh/", word) for word in CHINESE_WORDS)],
)
def test_search_finds_what_people_look_for(
    address: str, browser: Any, path: str, word: str
) -> None:
    page = browser.new_page()
    page.goto(f"{address}/{path}search.html?q={word}")
    page.locator("#search-results li").first.wait_for(timeout=20_000)
    page.close()


def test_every_page_says_what_it_is_to_search_engines(site: Path) -> None:
    silent = [
        path
        for path in page_paths(site)
        if not re.search(
            r'<meta (?:name|property)="(?:og:)?description"', (site / path).read_text("utf-8")
        )
    ]
    assert silent == []
