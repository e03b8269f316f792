"""The first inputs of each target: valid ones, which a fuzzer then changes."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path

from tests._protocol.peer import figures
from tests.support.transports import rsa_pem

VECTORS = Path(__file__).parents[2] / "tests" / "_protocol" / "vectors"
HEAD = 44
CONVERSATIONS = (
    # Numbers of the steps in conversation.py, each with what it takes from the tape: let in,
    # ask twice, fetch, answer in pieces, wait, forget, push, babble.
    bytes([0, 0, 1, 0, 2, 0, 3, 4, 0, 0, 3, 1, 2, 3, 9, 9, 0, 8, 0, 7, 0, 9, 0, 2, 5, 5]),
    bytes([0, 0, 1, 0, 3, 6, 0, 0, 4, 1, 2, 3, 4, 0, 8, 2, 8, 2, 8, 2, 5, 0, 0, 0, 0, 0]),
    bytes([0, 0, 1, 1, 7, 0, 3, 1, 0, 3, 8, 1, 8, 1, 4, 0, 0, 2, 7, 7, 0, 9, 1, 0, 0]),
    bytes([0, 0, 12, 0, 7, 3, 1, 2, 3, 0, 30, 0, 12, 1, 9, 0, 1, 20, 255, 12, 2, 3, 1, 7]),
    bytes([11, 5, 2, 20, *range(20), 0, 0, 10, 9, *b"FT\x8c\x0c\0\0\0\0\x01", 0]),
)
CODES = (
    "HK.00700",
    "US..DJI",
    "US.BRK.B",
    "hk.00700",
    "XX.1",
    "HK.",
    "",
    "\uff28\uff2b.00700",
    "HK 1",
)
ADDRESSES = (
    *("127.0.0.1", "localhost:11111", "tcp://opend:11111", "ws://[::1]:33333/", "wss://h?x=1"),
    *("::1", "tcp://user:sesame123@host:1", "http://h", "[::1", "tcp://h:99999", "tcp://a\u2100b"),
    # Of this urllib itself complains, and shows all that stands before the host.
    "tcp://user:sesame123@a\u2100b",
)


def seeds(name: str) -> list[bytes]:
    """Return the seeds of the target of this name."""
    if name.startswith("session"):
        draw = random.Random(name)
        return [*CONVERSATIONS, *(draw.randbytes(120) for _ in range(8))]
    return list(_SEEDS[name]())


def _frames() -> Iterator[bytes]:
    """The positions to split at come first: see ``targets.frames``."""
    stream = b"".join(_vectors("1002", "1003", "1004", "3212"))
    for cut in (b"", b"\x01" * 24, bytes(range(1, 25)), b"\x2c\x07" * 12):
        yield cut.ljust(24, b"\0") + stream[:400]
        yield cut.ljust(24, b"\0") + stream[:110] + b"\0" + stream[110:200]


def _bodies(proto_id: str) -> list[bytes]:
    return [data[HEAD:] for data in _vectors(proto_id)]


def _beyond_numbers() -> Iterator[bytes]:
    """Figures that are not finite, or whose sums are not."""
    for amount in (math.inf, math.nan, 1.7e308, -1.7e308, 1e300, -0.0, 5e-324):
        yield figures(amount, capitalInSuper=amount, updateTimestamp=amount)


def _vectors(*proto_ids: str) -> Iterator[bytes]:
    """Messages of OpenD, made by the vendor's code."""
    for proto_id in proto_ids:
        page = json.loads((VECTORS / f"{proto_id}.json").read_text("utf-8"))
        for vector in page["vectors"]:
            if vector["direction"] != "request":
                yield bytes.fromhex(vector["hex"])


def _keys() -> list[bytes]:
    pem = rsa_pem()
    return [pem, pem[:-200], pem.replace(b"A", b"B", 1), b"-----BEGIN PRIVATE KEY-----\n"]


_SEEDS = {
    "frames": _frames,
    "capital_distribution": lambda: [*_bodies("3212"), *_beyond_numbers()],
    "global_state": lambda: _bodies("1002"),
    # The last: messages within messages of a field that nobody knows.
    "notice": lambda: [*_bodies("1003"), b"\x08\x00\x22\x04\x08\x01" + b"\xfb\x07" * 90],
    "code": lambda: [code.encode() for code in CODES],
    "address": lambda: [b"\0\0" + address.encode() for address in ADDRESSES],
    "key": _keys,
}
