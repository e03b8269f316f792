"""CPU per call and round trips: every client in every round, against one gateway."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from .clients import all_clients
from .gateway import gateway

CALLS = {"futu-api": 500, "nautilus-futu": 5_000}
"""Calls of one round; 10,000 where none are told. The slow need no more for the same figure."""
TRIPS = 500

Round = dict[str, dict[str, float]]


def measure(rounds: int) -> list[Round]:
    """One row of figures for each round: client, then what was measured, in microseconds."""
    with ExitStack() as stack:
        port = stack.enter_context(gateway())
        clients = all_clients(stack, port)
        return [_round(clients) for _ in range(rounds)]


def _round(clients: dict[str, Any]) -> Round:
    figures: Round = {}
    for name, client in clients.items():
        calls = CALLS.get(name, 10_000)
        row = figures[name] = {}
        if name != "floor":
            row["sweep"] = client("sweep", calls)["cpu"]
        if name in ("floor", "aiocapdist", "aiocapdist, uvloop"):
            row["gathered"] = client("gather", calls)["cpu"]
        row["round trip"] = client("trips", TRIPS)["median"]
    return figures
