"""A ledger file's bytes: what is written is read, and what is no ledger is told apart."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist.quota._file.format import (
    MAGIC,
    Contents,
    Damaged,
    Foreign,
    file_size,
)
from aiocapdist.quota._file.owner import Owner
from aiocapdist.quota._file.section import WAITERS, Section
from aiocapdist.quota._file.tokens import EXPIRING, FREE, HELD, REJECTED, Token

from .sections import BOOT, ONE, OTHER, PERIOD, SPAN, THIRD, blank, contents_of, state_of, tally

NUMBERS = st.integers(0, 2**64 - 1)
OWNERS = st.builds(Owner, st.integers(0, 2**32 - 1), *[NUMBERS] * 3)
TIMES = st.floats(allow_nan=False)
TOKENS = st.builds(Token, st.sampled_from([FREE, HELD, EXPIRING, REJECTED]), OWNERS, TIMES)
CALLS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=16)


@st.composite
def sections(draw: st.DrawFn) -> Section:
    tokens = draw(st.lists(TOKENS, min_size=1, max_size=20))
    section = Section(len(tokens), draw(st.floats(0.001, 1e6)))
    section.tokens = tokens
    section.rejections = draw(NUMBERS)
    section.waiting = draw(st.dictionaries(st.integers(1, 2**64 - 1), TIMES, max_size=WAITERS))
    return section


@st.composite
def contents(draw: st.DrawFn) -> Contents:
    made = Contents(
        number=draw(NUMBERS), boot=draw(st.binary(min_size=16, max_size=16)), epoch=draw(TIMES)
    )
    made.generation, made.cold_until = draw(NUMBERS), draw(TIMES)
    made.time_namespace, made.written_at = draw(NUMBERS), draw(TIMES)
    for call, section in draw(st.dictionaries(CALLS, sections(), max_size=3)).items():
        made.add(call, section)
    return made


def facts(made: Contents) -> list[object]:
    numbers = [made.number, made.generation, made.time_namespace, made.boot, made.epoch]
    return [*numbers, made.cold_until, made.written_at, made.calls]


def limits(made: Contents) -> list[int]:
    found = [made.section(call) for call in made.calls]
    return [section.limit for section in found if section is not None]


@given(contents())
def test_what_is_written_is_read(made: Contents) -> None:
    data = made.pack()
    read = Contents.unpack(data)
    assert len(data) == file_size(*limits(made))
    assert read.pack() == data, "as it came, without a look into its sections"
    assert facts(read) == facts(made)
    for call in made.calls:
        section, expected = read.section(call), made.section(call)
        assert section is not None
        assert expected is not None
        assert state_of(section) == state_of(expected)
        assert list(section.waiting) == list(expected.waiting), "in the order of waiting"
    assert read.pack() == data


def used() -> Contents:
    section = blank()
    section.acquire(1, ONE, 10.0, 100.0)
    section.acquire(1, OTHER, 10.0, 90.0)
    section.settle(1, OTHER, 11.0, 41.0, rejected=True)
    section.wait(THIRD, 10.0, 20.0)
    made = contents_of(section)
    made.add("3211", blank(2))
    return made


USED = used().pack()


def kind_of(data: bytes) -> type[Exception]:
    with pytest.raises((Foreign, Damaged)) as caught:
        Contents.unpack(data)
    return caught.type


def test_no_byte_can_be_altered_unnoticed() -> None:
    for place in range(len(USED)):
        for change in (1, 0x80, 0xFF):
            altered = bytearray(USED)
            altered[place] ^= change
            kind = kind_of(bytes(altered))
            assert kind is (Foreign if place < len(MAGIC) + 2 else Damaged)


def test_none_can_be_missing_and_none_too_many() -> None:
    for length in range(1, len(USED)):
        assert kind_of(USED[:length]) is Damaged
    for more in (b"\0", b"x", USED[-4:], USED, bytes(5000)):
        assert kind_of(USED + more) is Damaged
        assert kind_of(more + USED) in (Foreign, Damaged)


def test_a_file_cannot_be_half_of_one_and_half_of_another() -> None:
    later = Contents.unpack(USED)
    section = later.section("3212")
    assert section is not None
    section.release(1, ONE)
    other = later.pack()
    for cut in range(1, len(USED)):
        mixed = USED[:cut] + other[cut:]
        if mixed not in (USED, other):
            assert kind_of(mixed) is Damaged


@pytest.mark.parametrize(
    "data", [bytes(file_size(3)), b"# notes\n" * 100, b"A", b"aiocapdist Quota" + bytes(500)]
)
def test_what_is_no_ledger_is_foreign(data: bytes) -> None:
    with pytest.raises(Foreign, match="^it holds something else$"):
        Contents.unpack(data)


def test_an_empty_file_is_not_taken_for_a_ledger() -> None:
    with pytest.raises(Foreign, match="^it is empty$"):
        Contents.unpack(b"")


@pytest.mark.parametrize("version", [1, 7])
def test_another_version_is_foreign_and_named(version: int) -> None:
    other = USED[: len(MAGIC)] + bytes([version, 0]) + USED[len(MAGIC) + 2 :]
    with pytest.raises(Foreign, match=f"^it is of version {version}, and this program knows 2$"):
        Contents.unpack(other)


def sealed(body: bytes) -> bytes:
    """Return these bytes with the checksum that fits."""
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (USED[:60], "^only 60 bytes are left of it$"),
        (USED[:-1], "^its checksum does not fit$"),
        (USED[:-4] + bytes(4), "^its checksum does not fit$"),
        (sealed(USED[:100]), "^a section is cut off$"),
        (sealed(USED[:300]), "^a section is cut off$"),
        (sealed(USED[:-4] + b"more"), "^its sections do not fill it$"),
    ],
)
def test_a_damaged_ledger_says_how(data: bytes, words: str) -> None:
    with pytest.raises(Damaged, match=words):
        Contents.unpack(data)


def test_a_further_generation_differs_in_nothing_else() -> None:
    made = used()
    data = made.stamped(made.body(), 5.0)
    assert (made.generation, made.written_at) == (0, 0.0), "it is not yet written"
    made.was_written(5.0)
    assert (made.generation, made.written_at) == (1, 5.0)
    read = Contents.unpack(data)
    assert facts(read) == facts(made)
    assert read.pack() == made.pack() == data


def test_a_section_is_kept_in_its_place_and_can_be_replaced() -> None:
    made = Contents.unpack(USED)
    assert made.calls == ["3212", "3211"]
    assert made.section("9999") is None
    made.add("3212", blank(1))
    read = Contents.unpack(made.pack())
    assert read.calls == ["3212", "3211"]
    assert limits(read) == [1, 2]


def test_of_two_ledgers_all_that_either_knows_is_taken_over() -> None:
    mine, other = Contents.unpack(USED), contents_of(blank())
    section = other.section("3212")
    assert section is not None
    section.acquire(1, THIRD, 0.0, 150.0)
    other.add("3211", blank(4))
    other.add("9999", blank(5))
    mine.cold_until, other.cold_until = 7.0, 5.0
    mine.merge(other)
    assert mine.calls == ["3212", "3211", "9999"]
    merged = mine.section("3212")
    assert merged is not None
    assert tally(merged, THIRD, 11.0) == (0, 1, 1, 1)
    assert limits(mine) == [3, 2, 5], "one of another limit is another quota's"
    assert mine.cold_until == 7.0
    other.merge(mine)
    assert other.cold_until == 7.0


def test_all_sections_are_carried_over_a_restart_of_the_machine() -> None:
    made = used()
    made.cold_until = 1e9
    made.restarted(bytes(16), 500.0, 1.7e9 - 500.0, SPAN)
    assert (made.boot, made.epoch, made.cold_until) == (bytes(16), 1.7e9 - 500.0, SPAN)
    assert made.boot != BOOT
    for call in made.calls:
        section = made.section(call)
        assert section is not None
        assert section.waiting == {}
        assert all(token.until <= 500.0 + SPAN for token in section.tokens)
    made = used()
    made.restarted(bytes(16), 500.0, 1.7e9 - 500.0, SPAN)
    assert made.cold_until == 0.0


def test_a_section_tells_what_it_is_for() -> None:
    section = Section(3, PERIOD)
    assert (section.limit, section.period, section.rejections) == (3, PERIOD, 0)
