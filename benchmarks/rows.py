"""Which figures are reported, and the targets they are held to."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from . import granting, memory, speed
from .report import Row, amount, ratio

US, UV = "aiocapdist", "aiocapdist, uvloop"


def _of(client: str, what: str) -> Callable[[Any], float]:
    return lambda row: row[client][what]


def speed_rows(rounds: list[speed.Round]) -> list[Row]:
    """CPU and round trips, against whoever could be run."""
    sweep, floor = _of(US, "sweep"), _of("floor", "gathered")
    vendor, trip = _of("futu-api", "sweep"), _of("floor", "round trip")
    rows = [ratio("CPU per code: futu-api over a sweep", rounds, vendor, sweep, at_least=35)]
    if "nautilus-futu" in rounds[0]:
        name = "CPU per code: a sweep over nautilus-futu, 64 threads"
        rows.append(ratio(name, rounds, sweep, _of("nautilus-futu", "sweep"), at_most=0.4))
    gathered, single = "CPU per call: gathered, over the floor", "round trip of one call at a time"
    return [
        *rows,
        ratio("CPU per code: a sweep over the floor", rounds, sweep, floor, at_most=0.75),
        ratio("the same with uvloop", rounds, _of(UV, "sweep"), floor),
        ratio(gathered, rounds, _of(US, "gathered"), floor, at_most=1.4),
        ratio("the same with uvloop", rounds, _of(UV, "gathered"), floor),
        ratio(f"{single}, over the floor", rounds, _of(US, "round trip"), trip, at_most=1.25),
        ratio("the same with uvloop", rounds, _of(UV, "round trip"), trip),
        amount("CPU per code of a sweep, µs", [sweep(row) for row in rounds]),
        amount("CPU per call gathered, µs", [row[US]["gathered"] for row in rounds]),
        amount("CPU per call of the floor, µs", [floor(row) for row in rounds]),
        amount("CPU per call of futu-api, µs", [vendor(row) for row in rounds]),
        amount(f"{single}, µs", [row[US]["round trip"] for row in rounds]),
    ]


def import_rows(rounds: list[dict[str, tuple[float, float]]]) -> list[Row]:
    """Time and memory of importing and of being ready."""
    rows = []
    for ours, times, sizes in (
        ("import aiocapdist", 4, 3),
        ("aiocapdist, ready to use", 2, 2.3),
    ):
        for what, index, target in (("CPU", 0, times), ("memory", 1, sizes)):
            name = f"{what}: import futu over {ours}"
            theirs, mine = _cell("import futu", index), _cell(ours, index)
            rows.append(ratio(name, rounds, theirs, mine, at_least=target))
    return rows


def _cell(program: str, index: int) -> Callable[[Any], float]:
    return lambda row: row[program][index]


def door_rows(rounds: list[dict[str, float]]) -> list[Row]:
    """What other doors cost beside TCP in the clear."""
    return [
        ratio(
            f"CPU per code: {door} over clear TCP",
            rounds,
            itemgetter(door),
            itemgetter("clear"),
            at_most=limit,
        )
        for door, limit in (("encrypted (AES-CBC)", 1.6), ("WebSocket", 1.5))
    ]


def memory_rows() -> tuple[list[Row], list[tuple[int, float]]]:
    """What waiting weighs, and a million codes from a generator."""
    few, many = (granting.microseconds_per_grant(n) for n in (granting.FEW, granting.MANY))
    sizes = memory.million_codes()
    growth = sizes[-1][1] - sizes[0][1]
    single, code = memory.bytes_per_single_call(), memory.bytes_per_code()
    generator = "growth from code 100,000 to 1,000,000 of a generator, MiB"
    return [
        amount("bytes per single call that waits, with its task", [single], at_most=3000),
        amount("bytes per code of a sweep that waits", [code], at_most=300),
        amount("granting a token, 50,000 in line over 3,000", [many / few], at_most=1.3),
        amount(generator, [growth], at_most=1.0),
    ], sizes
