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
# Each of these is slow: RSA's numbers are checked, a session lives a life.
SLOW = {"key": 10, "session_aes_cbc": 2, "session_ftaes": 2}


@st.composite
def inputs(draw: st.DrawFn, name: str) -> bytes:
    """Anything; or what is sound, with some bytes changed, and some left out or put in."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=400))
    data = bytearray(draw(st.sampled_from(seeds(name))))
    for at in draw(st.lists(st.integers(0, max(len(data) - 1, 0)), max_size=4)):
        data[at : at + draw(st.sampled_from((1, 1, 0, 4)))] = draw(st.binary(max_size=3))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_undocumented_is_raised_whatever_comes(name: str) -> None:
    @settings(max_examples=scaled(EXAMPLES), deadline=None)
    @given(inputs(name))
    def check(data: bytes) -> None:
        TARGETS[name](data)

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_nor_in_bulk(name: str) -> None:
    """Without Hypothesis's own cost, so that the count is large; the seed makes it repeatable."""
    draw = random.Random(name)
    starts = seeds(name)
    inputs = scaled(BULK // SLOW.get(name, 1))
    for _ in range(inputs):
        TARGETS[name](spoilt(draw, draw.choice(starts)))
    figure(10, target=name, inputs=inputs)


def spoilt(draw: random.Random, data: bytes) -> bytes:
    """Changed, cut, doubled or torn: one to four times over."""
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
def test_what_is_sound_is_fed_as_it_is_too(name: str) -> None:
    for data in seeds(name):
        TARGETS[name](data)
        for _, end in pairwise(range(0, len(data), max(1, len(data) // 50))):
            TARGETS[name](data[:end])


def test_a_target_that_raises_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all of this would prove nothing."""

    def broken(data: bytes) -> None:
        if b"T" in data:
            raise IndexError

    target: Target = broken
    monkeypatch.setitem(TARGETS, "frames", target)
    with pytest.raises(IndexError):
        test_nor_in_bulk("frames")
