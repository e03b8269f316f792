"""A call that this library does not know, for ``client.request``: it doubles a number.

Its classes are some of our own generated ones: the wire does not tell what they are called.
"""

from __future__ import annotations

from google.protobuf.message import Message

from aiocapdist._pb.keep_alive_pb2 import C2S, S2C, Request, Response

PROTO_ID = 4000


def question(number: int = 21) -> Request:
    """What is asked."""
    return Request(c2s=C2S(time=number))


def answer(number: int) -> Response:
    """A reply that says this."""
    return Response(retType=0, s2c=S2C(time=number))


def double(body: bytes) -> Message:
    """The answer, for ``Simulator(answers={PROTO_ID: double})``."""
    return answer(2 * Request.FromString(body).c2s.time)
