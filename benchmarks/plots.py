"""The pictures of the documentation, from one run's figures.

Axes begin at zero. Nothing is drawn behind, and all colours can be read on white and on black.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from . import makespan, starting

INK, PALE, OURS = "#7d8694", "#b0b8c4", "#0d9488"


def draw(raw: dict[str, Any], folder: Path) -> None:
    """Write ``first.svg``, ``cpu.svg`` and ``makespan.svg``."""
    import matplotlib

    matplotlib.use("Agg")
    colours: dict[Any, Any] = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    )
    # The same bytes for the same figures, so that a new run changes only what is new.
    fixed: dict[Any, Any] = {"svg.hashsalt": "aiocapdist", "svg.fonttype": "none", "font.size": 10}
    matplotlib.rcParams.update(fixed | colours)
    folder.mkdir(parents=True, exist_ok=True)
    _first(raw["starts"], folder / "first.svg")
    _cpu(raw["speed"], folder / "cpu.svg")
    _makespan(raw["makespan"], folder / "makespan.svg")


def _first(rounds: list[dict[str, dict[str, float]]], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 1.7), layout="constrained")
    for axes, what, unit, title in (
        (left, "wall", "ms", "start to first figures, ms"),
        (right, "mib", "MiB", "memory, MiB"),
    ):
        bars = {
            name: median(row[program][what] for row in rounds)
            for name, program in (("futu-api", starting.VENDOR), ("aiocapdist", starting.OURS))
        }
        _bars(axes, bars, f"%.0f {unit}", title)
    right.set_yticks([])
    _finish(figure, (left, right), path)


def _cpu(rounds: list[dict[str, dict[str, float]]], path: Path) -> None:
    from matplotlib import pyplot as plt

    def of(client: str, what: str) -> float:
        return median(row[client][what] for row in rounds)

    bars = {"futu-api": of("futu-api", "sweep")}
    if "nautilus-futu" in rounds[0]:
        bars["nautilus-futu (Rust), 64 threads"] = of("nautilus-futu", "sweep")
    bars["aiocapdist, single calls"] = of("aiocapdist", "gathered")
    bars["aiocapdist, a sweep"] = of("aiocapdist", "sweep")
    figure, axes = plt.subplots(figsize=(7, 2.3), layout="constrained")
    _bars(axes, bars, "%.0f µs", "processor time per call, µs")
    _finish(figure, (axes,), path)


def _bars(axes: Any, bars: dict[str, float], label: str, title: str) -> None:
    colours = [OURS if name.startswith("aio") else PALE for name in bars]
    drawn = axes.barh(list(bars), list(bars.values()), color=colours)
    axes.bar_label(drawn, fmt=label, padding=4)
    axes.set_xlim(0, max(bars.values()) * 1.25)
    axes.set_xlabel(title)


def _makespan(rows: list[tuple[int, float, float]], path: Path) -> None:
    from matplotlib import pyplot as plt

    counts, took, least = zip(*rows, strict=True)
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    label = "least time that the quota allows"
    axes.plot(counts, [s / 60 for s in least], color=PALE, linewidth=6, label=label)
    paced = [makespan.paced_loop(count) / 60 for count in counts]
    axes.plot(counts, paced, color=INK, linestyle="--", label="futu-api, a loop with sleep(1)")
    axes.plot(counts, [s / 60 for s in took], color=OURS, marker="o", label="aiocapdist")
    axes.set_xlabel("codes in a sweep, 30 calls in 30 s")
    axes.set_ylabel("minutes")
    axes.set_xlim(0)
    axes.set_ylim(0)
    axes.legend(frameon=False)
    _finish(figure, (axes,), path)


def _finish(figure: Any, all_axes: tuple[Any, ...], path: Path) -> None:
    from matplotlib import pyplot as plt

    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None}, transparent=True)
    plt.close(figure)
