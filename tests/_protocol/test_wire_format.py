"""Protobuf's wire format, read and written without protobuf."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist._protocol.wire_format import UnusualMessage, decode_fields, encode_fields

_FIELD = descriptor_pb2.FieldDescriptorProto
TYPES = {
    "signed": (1, _FIELD.TYPE_INT64),
    "unsigned": (2, _FIELD.TYPE_UINT64),
    "narrow": (3, _FIELD.TYPE_INT32),
    "data": (15, _FIELD.TYPE_BYTES),
    "far": (16, _FIELD.TYPE_BYTES),  # the first number whose tag has two bytes
    "last": (2**29 - 1, _FIELD.TYPE_UINT64),
}
NAMES = {number: name for name, (number, _) in TYPES.items()}


def _message() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="tests/wire_format.proto", syntax="proto2")
    kind = file.message_type.add(name="WireFormat")
    for name, (number, field_type) in TYPES.items():
        kind.field.add(name=name, number=number, type=field_type, label=_FIELD.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("WireFormat"))


Message = _message()
bounds = {
    "signed": st.integers(-(2**63), 2**63 - 1),
    "unsigned": st.integers(0, 2**64 - 1),
    "narrow": st.integers(-(2**31), 2**31 - 1),
    "data": st.binary(max_size=300),
    "far": st.binary(max_size=3),
    "last": st.sampled_from([0, 127, 128, 2**64 - 1]),
}
messages = st.fixed_dictionaries({}, optional=bounds)


@given(messages)
def test_the_bytes_are_those_of_protobuf(values: dict[str, Any]) -> None:
    ordered = {TYPES[name][0]: values[name] for name in TYPES if name in values}
    assert encode_fields(ordered) == Message(**values).SerializeToString()


@given(messages)
def test_what_protobuf_wrote_is_read(values: dict[str, Any]) -> None:
    fields = decode_fields(Message(**values).SerializeToString())
    unsigned = {
        TYPES[name][0]: value % 2**64 if isinstance(value, int) else value
        for name, value in values.items()
    }
    assert fields == unsigned


@given(messages, st.data())
def test_damaged_bytes_are_read_as_by_protobuf_or_left_to_it(
    values: dict[str, Any], data: st.DataObject
) -> None:
    body = bytearray(Message(**values).SerializeToString())
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    try:
        fields = decode_fields(bytes(body))
    except UnusualMessage:
        return
    message = Message.FromString(bytes(body))  # raises for what cannot be read
    for descriptor, value in message.ListFields():
        number = TYPES[descriptor.name][0]
        if descriptor.name == "narrow":
            assert (value - fields[number]) % 2**32 == 0  # the rest is cut off
        elif isinstance(value, int):
            assert value % 2**64 == fields[number]
        else:
            assert value == fields[number]
    known = {number for number, value in fields.items() if number in NAMES and _fits(number, value)}
    assert {TYPES[descriptor.name][0] for descriptor, _ in message.ListFields()} == known


def _fits(number: int, value: int | bytes) -> bool:
    """True unless the wire type is another than the field's: protobuf does not know it then."""
    return isinstance(value, bytes) == (TYPES[NAMES[number]][1] == _FIELD.TYPE_BYTES)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\x08", "no value"),
        (b"\x88", "half a tag"),
        (b"\x08\x80", "half a number"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "65 bits"),
        (b"\x08" + b"\x80" * 9 + b"\x02", "2**64 itself"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "eleven bytes"),
        (b"\x88\x80\x80\x80\x80\x00\x01", "a tag in more bytes than protobuf reads"),
        (b"\x7a\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00x", "a length in too many bytes"),
        (b"\x08\x81\x00", "a number in more bytes than it needs"),
        (b"\x08\x80\x00\x10\x01", "such a number, which what follows does not end"),
        (b"\x0a\x02x", "half a text"),
        (b"\x08\x01\x08\x02", "twice the same field"),
        (b"\x00\x01", "field 0"),
        (b"\x80\x80\x80\x80\x10\x01", "a field number of 30 bits"),
        (b"\x09" + b"\0" * 8, "a double"),
        (b"\x0d" + b"\0" * 4, "a float"),
        (b"\x0b\x0c", "a group"),
        (b"\x0e", "a wire type that does not exist"),
    ],
)
def test_what_is_unusual_is_left_to_protobuf(body: bytes, why: str) -> None:
    with pytest.raises(UnusualMessage):
        decode_fields(body)


def test_nothing_has_no_fields() -> None:
    assert decode_fields(b"") == {}
    assert encode_fields({}) == b""
