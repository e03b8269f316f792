"""A call that this library does not know, for ``client.request``: it doubles a number.

Its message classes are generated classes of another call: the wire does not carry their names.
"""

from __future__ import annotations

from google.protobuf.message import Message

from aiocapdist._pb.keep_alive_pb2 import C2S, S2C, Request, Response

__all__ = ["PROTO_ID", "Request", "Response", "double", "reply_message", "request_message"]
PROTO_ID = 4000


def request_message(number: int = 21) -> Request:
    """Return the request to double this number."""
    return Request(c2s=C2S(time=number))


def reply_message(number: int) -> Response:
    """Return a reply that carries this number."""
    return Response(retType=0, s2c=S2C(time=number))


def double(body: bytes) -> Message:
    """Return the reply to a request, for ``Simulator(answers={PROTO_ID: double})``."""
    return reply_message(2 * Request.FromString(body).c2s.time)
