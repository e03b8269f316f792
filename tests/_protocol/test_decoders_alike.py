"""Replies in the usual layout are read directly, and models are made without validation:
both must equal protobuf and pydantic, whatever the bytes."""

from __future__ import annotations

import copy
import math
import pickle
import random
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist._pb import capital_distribution_pb2
from aiocapdist._protocol import decoders, figures
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist.errors import OpenDError, ProtocolError
from aiocapdist.models import CapitalDistribution, Security

from .peer import needs_fast_protobuf
from .validated import validated

pytestmark = needs_fast_protobuf

AMOUNTS = (
    *("capitalInBig", "capitalInMid", "capitalInSmall"),
    *("capitalOutBig", "capitalOutMid", "capitalOutSmall"),
    *("capitalInSuper", "capitalOutSuper"),
)
TEXT = "2025-10-09 16:53:20"
ODD_AMOUNTS = (
    *(0.0, -0.0, 5e-324, -1.5, 1e300, -1e300, math.nextafter(1e300, math.inf), 8e299, 1e308),
    *(math.inf, -math.inf, math.nan, sys.float_info.max),
)
ODD_STAMPS = (0.0, -1.0, 1e-9, 1e11, 253402300799.9, 1e300, math.nan, math.inf, -math.inf)
ODD_TEXTS = ("", TEXT[:-1], TEXT + "0", "0001-01-01 00:00:00", "x" * 19, "腾" * 6 + "x")


def read(body: bytes, code: str) -> CapitalDistribution | None:
    """Return the decoded figures; None for an error that is documented."""
    try:
        return decode_capital_distribution(body, code, Security.parse(code))
    except (OpenDError, ProtocolError):
        return None


def reply(amounts: dict[str, Any], **more: Any) -> bytes:
    head = {name: more.pop(name) for name in ("retMsg", "errCode") if name in more}
    s2c = capital_distribution_pb2.S2C(**amounts, **more)
    response = capital_distribution_pb2.Response(retType=0, s2c=s2c, **head)
    return response.SerializePartialToString()


def usual(**more: Any) -> bytes:
    """Return a reply in the usual layout."""
    more = {"retMsg": "", "errCode": 0, "updateTime": TEXT, "updateTimestamp": 1.76e9, **more}
    amounts = {name: more.pop(name, 2.0**n) for n, name in enumerate(AMOUNTS)}
    return reply(amounts, **more)


def raw(model: CapitalDistribution) -> list[tuple[str, type, str]]:
    """Return the fields in order, with their exact types; NaN and the sign of 0 count too."""
    return [(name, type(value), repr(value)) for name, value in model.__dict__.items()]


def assert_alike(body: bytes, code: str) -> bool:
    """Check what every reply is checked for. True if it holds figures."""
    got, wanted = read(body, code), validated(body, code)
    if got is None or wanted is None:
        assert got is wanted
        return False
    assert type(got) is type(wanted)
    assert got == wanted
    assert raw(got) == raw(wanted)
    assert got.model_fields_set == wanted.model_fields_set
    assert got.__pydantic_extra__ is wanted.__pydantic_extra__ is None
    assert got.__pydantic_private__ is wanted.__pydantic_private__ is None
    return True


def assert_same_everywhere(body: bytes, code: str) -> None:
    """Check all that a model can do."""
    if not assert_alike(body, code):
        return
    got, wanted = read(body, code), validated(body, code)
    assert got is not None
    assert wanted is not None
    assert hash(got) == hash(wanted)
    assert (repr(got), str(got)) == (repr(wanted), str(wanted))
    assert got.model_dump() == wanted.model_dump()
    assert got.model_dump(exclude_unset=True) == wanted.model_dump(exclude_unset=True)
    assert got.model_dump(mode="json") == wanted.model_dump(mode="json")
    assert got.model_dump_json() == wanted.model_dump_json()
    for other in (
        pickle.loads(pickle.dumps(got)),
        copy.copy(got),
        copy.deepcopy(got),
        got.model_copy(),
        CapitalDistribution.model_validate(got),
    ):
        assert other == wanted
        assert raw(other) == raw(wanted)
        assert other.model_fields_set == wanted.model_fields_set
    changed = {"capital_in_big": 1.0, "other": 2}
    assert got.model_copy(update=changed) == wanted.model_copy(update=changed)
    fields = CapitalDistribution.model_computed_fields
    text = got.model_dump_json(exclude=set(fields))
    assert CapitalDistribution.model_validate_json(text) == wanted


amounts = st.one_of(st.floats(), st.sampled_from(ODD_AMOUNTS))
stamps = st.one_of(st.floats(0, 4e9), st.sampled_from(ODD_STAMPS), st.none())
texts = st.one_of(st.datetimes().map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}"), st.text(max_size=20))
all_texts = st.one_of(texts, st.sampled_from(ODD_TEXTS), st.none())


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """Replies with odd figures, some of them with some bytes changed, removed or added."""
    fields: dict[str, Any] = {name: draw(amounts) for name in AMOUNTS}
    for name in draw(st.sets(st.sampled_from(AMOUNTS), max_size=2)):
        if draw(st.booleans()):
            del fields[name]
    more = {"updateTime": draw(all_texts), "updateTimestamp": draw(stamps)}
    more |= draw(
        st.sampled_from([{}, {"retMsg": ""}, {"errCode": 0}, {"retMsg": "", "errCode": 0}])
    )
    body = bytearray(reply(fields, **{k: v for k, v in more.items() if v is not None}))
    for at in draw(st.lists(st.integers(0, len(body) - 1), max_size=2)):
        body[at : at + draw(st.sampled_from((1, 1, 1, 0)))] = draw(st.binary(max_size=2))
    return bytes(body)


@settings(max_examples=400)
@given(replies(), st.sampled_from(["HK.00700", "US.AAPL", "SH.600519"]))
def test_a_decoded_model_is_the_validated_one(body: bytes, code: str) -> None:
    assert_same_everywhere(body, code)


@settings(max_examples=400)
@given(st.data())
def test_a_byte_changed_in_the_usual_layout_is_what_protobuf_takes_it_for(
    data: st.DataObject,
) -> None:
    body = bytearray(usual())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    assert_same_everywhere(bytes(body), "HK.00700")


def test_a_hundred_thousand_replies_are_alike() -> None:
    draw = random.Random(12)
    with_figures = 0
    for n in range(100_000):
        fields: dict[str, Any] = {name: draw.uniform(-1e12, 1e12) for name in AMOUNTS}
        odd = n % 4
        if odd == 1:
            fields[draw.choice(AMOUNTS)] = draw.choice(ODD_AMOUNTS)
        elif odd == 2:
            fields["updateTimestamp"] = draw.choice(ODD_STAMPS)
            fields["updateTime"] = draw.choice(ODD_TEXTS)
        body = usual(**fields)
        if odd == 3:
            changed = bytearray(body)
            changed[draw.randrange(len(body))] = draw.randrange(256)
            body = bytes(changed)
        with_figures += assert_alike(body, "HK.00700")
    assert with_figures > 70_000


@pytest.mark.parametrize("absent", [(), ("retMsg",), ("errCode",), ("retMsg", "errCode")])
def test_the_usual_layout_needs_no_protobuf(
    absent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"retMsg": "", "errCode": 0, "updateTime": TEXT, "updateTimestamp": 1.76e9}
    given_ = {name: value for name, value in fields.items() if name not in absent}
    body = reply({name: 2.0**n for n, name in enumerate(AMOUNTS)}, **given_)
    monkeypatch.setattr(figures, "_decode", None)
    got = read(body, "HK.00700")
    assert got == validated(body, "HK.00700")
    assert got is not None
    assert got.__pydantic_fields_set__ is decoders._FIELDS_SET  # made, not validated


def test_amounts_near_the_bound_are_validated() -> None:
    """Eight of them are longer together than each: only then pydantic decides."""
    body = usual(**dict.fromkeys(AMOUNTS, 1e300))
    assert_same_everywhere(body, "HK.00700")
    assert validated(body, "HK.00700") is not None
    beyond = usual(capitalInBig=math.nextafter(1e300, math.inf))
    with pytest.raises(ProtocolError, match="not finite"):
        decode_capital_distribution(beyond, "HK.00700", Security.parse("HK.00700"))


def test_a_code_of_another_type_becomes_a_plain_string() -> None:
    class Code(str):
        __slots__ = ()

    code = Code("HK.00700")
    assert type(decode_capital_distribution(usual(), code, Security.parse(code)).code) is str


def test_what_a_user_does_to_the_names_of_one_model_leaves_others_alone() -> None:
    one, other = read(usual(), "HK.00700"), read(usual(), "US.AAPL")
    assert one is not None
    assert other is not None
    one.model_fields_set.clear()
    assert other.model_fields_set == set(CapitalDistribution.model_fields)
    copied = one.model_copy(update={"other": 1})
    assert "other" in copied.model_fields_set
    assert "other" not in other.model_fields_set
