"""The fuzz targets, by Hypothesis: promise 10, and the sessions' half of 1, 17 and 21.

``AIOCAPDIST_SCALE`` multiplies how many inputs each gets; ``nox -s fuzz`` runs the same targets
with coverage to guide it.
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.fuzz.seeds import seeds
from tools.fuzz.targets import TARGETS, Target

from ..promises.scale import figure, scaled

EXAMPLES, BULK = 100, 2_000
# These are slow: RSA keys are checked, whole sessions are run.
SLOW = {"key": 10, "session_aes_cbc": 2, "session_ftaes": 2}


@st.composite
def inputs(draw: st.DrawFn, name: str) -> bytes:
    """Return arbitrary bytes, or a valid input with some bytes changed, removed or added."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=400))
    data = bytearray(draw(st.sampled_from(seeds(name))))
    for at in draw(st.lists(st.integers(0, max(len(data) - 1, 0)), max_size=4)):
        data[at : at + draw(st.sampled_from((1, 1, 0, 4)))] = draw(st.binary(max_size=3))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_arbitrary_input_raises_documented_errors_only(name: str) -> None:
    @settings(max_examples=scaled(EXAMPLES))
    @given(inputs(name))
    def check(data: bytes) -> None:
        TARGETS[name](data)

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_random_input_in_bulk_raises_documented_errors_only(name: str) -> None:
    """Without Hypothesis's cost, so that there are many; repeatable by its seed."""
    draw = random.Random(name)
    starts = seeds(name)
    inputs = scaled(BULK // SLOW.get(name, 1))
    for _ in range(inputs):
        TARGETS[name](spoilt(draw, draw.choice(starts)))
    figure(10, target=name, inputs=inputs)


def spoilt(draw: random.Random, data: bytes) -> bytes:
    """Return the input with one to four changes."""
    for _ in range(draw.randrange(1, 5)):
        size = len(data)
        one, two = sorted((draw.randrange(size + 1), draw.randrange(size + 1)))
        changed = (
            data[:one] + draw.randbytes(draw.randrange(1, 5)) + data[one + 1 :],
            data[:one] + data[two:],
            data[:two] + data[one:],
            data[:one] + bytes([draw.randrange(256)]) * draw.randrange(9) + data[two:],
        )
        data = changed[draw.randrange(4)][:1000]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_valid_input_is_fed_too(name: str) -> None:
    for data in seeds(name):
        TARGETS[name](data)
        for _, end in pairwise(range(0, len(data), max(1, len(data) // 50))):
            TARGETS[name](data[:end])


def test_a_target_that_raises_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the other tests would prove nothing."""

    def broken(data: bytes) -> None:
        if b"T" in data:
            raise IndexError

    target: Target = broken
    monkeypatch.setitem(TARGETS, "frames", target)
    with pytest.raises(IndexError):
        test_random_input_in_bulk_raises_documented_errors_only("frames")
