"""A notebook: a client made in one cell, used in the next ones and closed in the last."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

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
