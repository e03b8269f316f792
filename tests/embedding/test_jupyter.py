"""A notebook: a client made in one cell, used in the next ones and closed in the last."""

from __future__ import annotations

import importlib.util
import json
import re
from functools import partial
from html import unescape
from pathlib import Path

import anyio
import pytest

from ..support import browser as browsers
from .opend_thread import OpendThread
from .programs import run

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ipykernel") is None
    or importlib.util.find_spec("jupyter_client") is None,
    reason="there is no kernel to ask: pip install ipykernel jupyter-client",
)

# Runs each cell of the first argument in a kernel, as a notebook does, and prints what each
# showed: the text of its last expression, what it printed, or the name of its error.
NOTEBOOK = """
import json, os, sys, warnings
warnings.simplefilter("ignore")  # Jupyter's own; in the kernel they are errors again
from jupyter_client import KernelManager

def show(message):
    content = message["content"]
    match message["msg_type"]:
        case "stream":
            shown.append(content["text"].strip())
        case "execute_result":
            data = content["data"]
            shown.append(data["text/html" if sys.argv[2:] else "text/plain"])
        case "error":
            shown.append(content["ename"])

manager = KernelManager(kernel_name="python3")
try:
    manager.start_kernel(env={**os.environ, "PYTHONWARNINGS": "default"})
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=30)
except Exception as error:
    print("NO KERNEL " + repr(error))
else:
    for cell in json.loads(sys.argv[1]):
        shown = []
        client.execute_interactive(cell, timeout=20, output_hook=show)
        print(json.dumps(shown))
finally:
    manager.shutdown_kernel(now=True)
"""


def shown_by(cells: list[str], home: Path, *, html: bool = False) -> list[list[str]]:
    """Return what a notebook shows below each of these cells."""
    done = run(NOTEBOOK, json.dumps(cells), *(["html"] if html else []), home=home)
    if done.out.startswith("NO KERNEL"):
        pytest.skip(f"a kernel does not start here: {done.out.strip()}")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_a_client_lives_from_cell_to_cell(opend_thread: OpendThread, tmp_path: Path) -> None:
    port = opend_thread.port
    another = f"""
async with aiocapdist.connect(port={port}) as other:
    print((await other.global_state()).server_version)
"""
    notebook: list[tuple[str, list[str]]] = [
        ("import aiocapdist, asyncio, gc, warnings", []),
        ("warnings.simplefilter('error', ResourceWarning)", []),
        (f"client = await aiocapdist.connect(port={port})", []),
        ("client.status.state", ["'ready'"]),
        ("(await client.capital_distribution('HK.00700')).code", ["'HK.00700'"]),
        ("await client.capital_distribution('hk.00700')", ["InvalidCode"]),
        ("codes = [f'HK.{n:05d}' for n in range(1, 11)]", []),
        ("[o.code async for o in client.capital_distributions(codes)] == codes", ["True"]),
        ("len((await client.capital_distributions(codes).collect()).values)", ["10"]),
        ("type(await anext(client.events())).__name__", ["'Connected'"]),
        (another, ["10.11"]),
        ("await client.aclose()", []),
        ("client.status.state", ["'closed'"]),
        ("await client.global_state()", ["ClientClosed"]),
        ("gc.collect(); [t for t in asyncio.all_tasks() if 'aiocapdist' in repr(t)]", ["[]"]),
    ]
    shown = shown_by([cell for cell, _ in notebook], tmp_path)
    assert list(zip([cell for cell, _ in notebook], shown, strict=True)) == notebook


def test_figures_are_shown_as_tables(opend_thread: OpendThread, tmp_path: Path) -> None:
    cells = [
        "import aiocapdist",
        f"client = await aiocapdist.connect(port={opend_thread.port})",
        "await client.capital_distribution('HK.00700')",
        "await client.capital_distributions(['HK.00700', '<b>']).collect()",
        "client.status",
        "await client.aclose()",
    ]
    _, _, (figures,), (result,), (status,), _ = shown_by(cells, tmp_path, html=True)
    for table in (figures, result, status):
        assert table.startswith("<table ")
    assert "HK.00700" in figures
    assert "&lt;b&gt;" in result
    assert "client: ready" in status


READ = """() => {
  const table = document.querySelector("table");
  const box = (element) => element.getBoundingClientRect();
  const colours = [...table.querySelectorAll("caption, th, td")]
    .filter((cell) => cell.textContent.trim())
    .map((cell) => getComputedStyle(cell).color);
  const bars = [...table.querySelectorAll("td div div div")].map((bar) => ({
    width: box(bar).width,
    height: box(bar).height,
    colour: getComputedStyle(bar).backgroundColor,
  }));
  return {
    colours: [...new Set(colours)],
    bars,
    width: box(table).width,
    others: document.querySelectorAll("script, img, b, iframe, link, style").length,
    text: table.innerText,
  };
}"""
SCHEMES = {"light": ((255, 255, 255), (0, 0, 0)), "dark": ((17, 17, 17), (224, 224, 224))}


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """The contrast of two colours, from 1 to 21, as WCAG defines it."""

    def luminance(colour: tuple[int, ...]) -> float:
        parts = [value / 255 for value in colour[:3]]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def rgb(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.skipif(browsers.missing() is not None, reason=str(browsers.missing()))
async def test_tables_of_a_kernel_can_be_read_in_a_browser(
    opend_thread: OpendThread, tmp_path: Path
) -> None:
    cells = [
        "import aiocapdist",
        f"client = await aiocapdist.connect(port={opend_thread.port})",
        "await client.capital_distribution('HK.00700')",
        "await client.capital_distributions(['HK.00700', 'US.AAPL', '<b>x</b><img src=x>'])",
        "await client.capital_flow('HK.00700', aiocapdist.Period.DAY)",
        "client.status",
        "await client.aclose()",
    ]
    shown = await anyio.to_thread.run_sync(partial(shown_by, cells, tmp_path, html=True))
    async with browsers.browser() as running:
        for (html,) in shown[2:6]:
            for background, colour in SCHEMES.values():
                body = f"background:rgb{background};color:rgb{colour};font:13px sans-serif"
                page_text = f'<!doctype html><body style="{body}"><div>{html}</div>'
                (tmp_path / "cell.html").write_text(page_text, "utf-8")
                async with browsers.visit(running, (tmp_path / "cell.html").as_uri()) as page:
                    seen = await page.evaluate(READ)
                assert seen["others"] == 0, "a text from elsewhere became an element"
                assert 0 < seen["width"] < 1000
                assert all(contrast(rgb(each), background) >= 4.5 for each in seen["colours"])
                assert all(contrast(rgb(bar["colour"]), background) >= 3 for bar in seen["bars"])
                if seen["bars"]:
                    assert max(bar["width"] for bar in seen["bars"]) > 20
                    assert all(bar["height"] > 3 for bar in seen["bars"])
    assert "<b>x</b>" in html_text(shown[3][0])


def html_text(html: str) -> str:
    """The text of a piece of HTML."""
    return unescape(re.sub(r"<[^>]*>", " ", html))
