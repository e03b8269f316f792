"""The two plots of the documentation, from one run's figures."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

INK, PALE, ACCENT = "#33415c", "#cbd5e1", "#0f766e"


def draw(raw: dict[str, Any], folder: Path) -> None:
    """Write ``cpu.svg`` and ``makespan.svg``."""
    import matplotlib

    matplotlib.use("Agg")
    # The same bytes for the same figures, so that a new run changes only what is new.
    matplotlib.rcParams.update({"svg.hashsalt": "aiocapdist", "font.size": 10})
    folder.mkdir(parents=True, exist_ok=True)
    _cpu(raw["speed"], folder / "cpu.svg")
    _makespan(raw["makespan"], folder / "makespan.svg")


def _cpu(rounds: list[dict[str, dict[str, float]]], path: Path) -> None:
    from matplotlib import pyplot as plt

    def of(client: str, what: str) -> float:
        return median(row[client][what] for row in rounds)

    bars = {
        "aiocapdist, a sweep": of("aiocapdist", "sweep"),
        "aiocapdist, single calls": of("aiocapdist", "gathered"),
        "hand-written floor": of("floor", "gathered"),
    }
    if "nautilus-futu" in rounds[0]:
        bars["nautilus-futu (Rust), 64 threads"] = of("nautilus-futu", "sweep")
    bars["futu-api"] = of("futu-api", "sweep")
    figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
    colours = [ACCENT if name.startswith("aio") else INK for name in bars]
    drawn = axes.barh(list(bars), list(bars.values()), color=colours)
    axes.bar_label(drawn, fmt="%.0f µs", padding=4)
    axes.set_xscale("log")
    axes.set_xlim(5, max(bars.values()) * 2.2)
    axes.set_xlabel("CPU per call, µs (logarithmic)")
    _finish(figure, axes, path)


def _makespan(rows: list[tuple[int, float, float]], path: Path) -> None:
    from matplotlib import pyplot as plt

    counts, took, least = zip(*rows, strict=True)
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    axes.plot(counts, [s / 60 for s in least], color=PALE, linewidth=6, label="theoretical floor")
    axes.plot(counts, [s / 60 for s in took], color=ACCENT, marker="o", label="aiocapdist")
    axes.set_xlabel("codes in a sweep, 30 calls in 30 s")
    axes.set_ylabel("minutes")
    axes.legend(frameon=False)
    _finish(figure, axes, path)


def _finish(figure: Any, axes: Any, path: Path) -> None:
    from matplotlib import pyplot as plt

    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
