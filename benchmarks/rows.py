"""Which figures are reported, and the targets they are held to."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from . import memory, speed, starting
from .report import Row, amount, ratio

US, UV = "aiocapdist", "aiocapdist, uvloop"


def _of(client: str, what: str) -> Callable[[Any], float]:
    return lambda row: row[client][what]


def speed_rows(rounds: list[speed.Round]) -> list[Row]:
    """CPU, round trips, memory and turns, against all that could be run."""
    sweep, gathered = _of(US, "sweep"), _of(US, "gathered")
    floor, vendor = _of("floor", "gathered"), _of("futu-api", "sweep")
    trip, floors_trip = _of(f"{US}, fresh", "round trip"), _of("floor, fresh", "round trip")
    rows = [
        ratio(
            "CPU per code: a sweep over the floor's gathered calls",
            rounds,
            sweep,
            floor,
            at_most=0.65,
        ),
        ratio("the same with uvloop", rounds, _of(UV, "sweep"), floor),
        ratio("CPU per code: a sweep over the floor's sweep", rounds, sweep, _of("floor", "sweep")),
        ratio("CPU per code: futu-api over a sweep", rounds, vendor, sweep, at_least=45),
    ]
    if "nautilus-futu" in rounds[0]:
        name = "CPU per code: a sweep over nautilus-futu, 64 threads"
        rows.append(ratio(name, rounds, sweep, _of("nautilus-futu", "sweep"), at_most=0.25))
    single = "round trip of one call at a time, in a fresh process"
    one, many = _of("one gateway", "gathered"), _of("64 gateways", "gathered")
    return [
        *rows,
        ratio("CPU per call: gathered, over the floor", rounds, gathered, floor, at_most=1.3),
        ratio("the same with uvloop", rounds, _of(UV, "gathered"), floor),
        ratio(f"{single}, over the floor", rounds, trip, floors_trip, at_most=1.0),
        ratio(
            "the same with uvloop", rounds, _of(f"{US}, fresh, uvloop", "round trip"), floors_trip
        ),
        ratio("CPU per call: gathered, 64 gateways over one", rounds, many, one, at_most=1.3),
        _amount("bytes for each code in collect()", rounds, _of("memory", "collect"), at_most=1200),
        _amount(
            "longest turn in a sweep of 300,000 codes, ms", rounds, _of("turns", "all"), at_most=15
        ),
        _amount("the same after gc.freeze(), ms", rounds, _of("turns", "frozen")),
        _amount("the same of an iterator, ms", rounds, _of("turns", "iterator")),
        _amount("CPU per code of a sweep, µs", rounds, sweep),
        _amount("the same with uvloop, µs", rounds, _of(UV, "sweep")),
        _amount("CPU per call gathered, µs", rounds, gathered),
        _amount("CPU per call with a client of its own, µs", rounds, _of("own clients", "cpu")),
        _amount("CPU per call of the floor, gathered, µs", rounds, floor),
        _amount("CPU per call of futu-api, µs", rounds, vendor),
        _amount(f"{single}, µs", rounds, trip),
    ]


def _amount(
    figure: str, rounds: list[Any], value: Callable[[Any], float], *, at_most: float | None = None
) -> Row:
    return amount(figure, [value(row) for row in rounds], at_most=at_most)


def start_rows(rounds: list[dict[str, starting.Start]]) -> list[Row]:
    """Time and memory until the first answer, and of commands."""

    def cpu(program: str) -> Callable[[Any], float]:
        return lambda row: float(row[program].cpu)

    def wall(program: str) -> Callable[[Any], float]:
        return lambda row: float(row[program].wall)

    def mib(program: str) -> Callable[[Any], float]:
        return lambda row: float(row[program].mib)

    ours, vendor = starting.OURS, starting.VENDOR
    commands = ((starting.VERSION, 80), (starting.HELP, 260), (starting.GET, 280))
    script = "script, start to first answer"
    return [
        ratio(
            f"{script}: CPU over pydantic and one model",
            rounds,
            cpu(ours),
            cpu(starting.PYDANTIC),
            at_most=1.45,
        ),
        _amount(f"{script}: MiB", rounds, mib(ours), at_most=33),
        *(
            _amount(
                f"{name}: CPU over python -c pass, ms",
                rounds,
                lambda row, name=name: row[name].cpu - row[starting.PYTHON].cpu,  # type: ignore[misc]
                at_most=limit,
            )
            for name, limit in commands
        ),
        _amount(f"{script}: CPU, ms", rounds, cpu(ours)),
        _amount("the same with gc.freeze() at exit: CPU, ms", rounds, cpu(starting.FROZEN)),
        _amount(f"{script}: elapsed, ms", rounds, wall(ours)),
        _amount("the same of futu-api: CPU, ms", rounds, cpu(vendor)),
        _amount("the same of futu-api: elapsed, ms", rounds, wall(vendor)),
        _amount("the same of futu-api: MiB", rounds, mib(vendor)),
    ]


def transport_rows(rounds: list[dict[str, float]]) -> list[Row]:
    """What other transports cost beside TCP in the clear."""
    return [
        ratio(
            f"CPU per code: {transport} over clear TCP",
            rounds,
            itemgetter(transport),
            itemgetter("clear"),
            at_most=limit,
        )
        for transport, limit in (("encrypted (AES-CBC)", 1.4), ("WebSocket", 1.3))
    ]


def token_rows(rounds: list[dict[str, float]]) -> list[Row]:
    """What a token from a file costs."""
    return [
        _amount("a token from a file: CPU, µs", rounds, itemgetter("token"), at_most=100),
        _amount("a token from a file: longest turn, ms", rounds, itemgetter("hold"), at_most=2),
    ]


def memory_rows() -> tuple[list[Row], list[tuple[int, float]]]:
    """What waiting weighs, and a million codes from a generator."""
    sizes = memory.million_codes()
    growth = sizes[-1][1] - sizes[0][1]
    single, code = memory.bytes_per_single_call(), memory.bytes_per_code()
    generator = "growth from code 100,000 to 1,000,000 of a generator, MiB"
    return [
        amount("bytes for each single call that waits, with its task", [single], at_most=3000),
        amount("bytes for each code of a sweep that waits", [code], at_most=300),
        amount(generator, [growth], at_most=1.0),
    ], sizes
