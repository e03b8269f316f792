"""CPU per call and round trips: every client in every round, against one gateway."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import mean
from typing import Any

from .clients import Worker, all_clients, floor, ours
from .gateway import gateway

CALLS = {"futu-api": 500, "nautilus-futu": 5_000}
"""Calls of one round; 10,000 where none are told. The slow need no more for the same figure."""
TRIPS = 500
GATHERED = 5_000
GATHERS = 4
"""Of 5,000 calls in each round. The garbage collector goes through everything once in 4,000 to
8,000 calls, which is a fifth of their cost: a round of one has that or has not."""
TURNS = 300_000

Round = dict[str, dict[str, float]]


def measure(rounds: int) -> list[Round]:
    """One row of figures for each round: client, then what was measured.

    Microseconds, but for the bytes of a code that is collected and the longest turn in ms.
    """
    with ExitStack() as stack:
        port = stack.enter_context(gateway())
        clients = all_clients(stack, port)
        # Both with the same past: what else a client did before leaves traces.
        groups = {
            "one gateway": ours(stack, _address(port)),
            "64 gateways": ours(stack, _address(port), "gateways=64"),
        }
        found = []
        for _ in range(rounds):
            row = _round(clients)
            row |= _gathered(groups) | _fresh(port)
            found.append(row)
        return found


def _round(clients: dict[str, Any]) -> Round:
    figures: Round = {}
    for name, client in clients.items():
        calls = CALLS.get(name, 10_000)
        row = figures[name] = {"sweep": client("sweep", calls)["cpu"]}
        if name in ("floor", "aiocapdist", "aiocapdist, uvloop"):
            row["gathered"] = client("gather", calls)["cpu"]
    return figures


def _gathered(groups: dict[str, Worker]) -> Round:
    """Measure them in turn, several times: what else the machine does disturbs both alike."""
    turns = [
        {name: group("gather", GATHERED)["cpu"] for name, group in groups.items()}
        for _ in range(GATHERS)
    ]
    return {name: {"gathered": mean(turn[name] for turn in turns)} for name in groups}


def _fresh(port: int) -> Round:
    """Measure in new processes, as scripts are: what others did before leaves traces."""
    figures: Round = {}
    with ExitStack() as stack:
        fresh = {
            "floor, fresh": floor(stack, port),
            "aiocapdist, fresh": ours(stack, _address(port)),
            "aiocapdist, fresh, uvloop": ours(stack, _address(port), "uvloop"),
        }
        for name, client in fresh.items():
            figures[name] = {"round trip": client("trips", TRIPS)["median"]}
        mine = ours(stack, _address(port))
        figures["own clients"] = {"cpu": mine("own_clients", 100)["cpu"]}
        figures["memory"] = {"collect": mine("collect", 10_000)["bytes"]}
        figures["turns"] = {
            "all": mine("longest_turn", TURNS)["ms"],
            "iterator": mine("of_iterator", TURNS)["ms"],
            "frozen": ours(stack, _address(port), "freeze")("longest_turn", TURNS)["ms"],
        }
    return figures


def _address(port: int) -> str:
    return f"tcp://127.0.0.1:{port}"
