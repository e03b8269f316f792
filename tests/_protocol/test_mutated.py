"""Altered encrypted messages: each ends the connection with the same error.

Of 100,000, none may be told apart from the others, crash, or be accepted. The exception are those
that decrypt to the same body: FTAES's tail has 15 bytes that are not used, and no MAC covers them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter

import pytest

from aiocapdist._protocol.ciphers import Algorithm, Rsa
from aiocapdist._protocol.codec import HandshakeResult
from aiocapdist._protocol.frames import digest_of, encode_frame
from aiocapdist._protocol.session_events import HandshakeCompleted, ReplyReceived
from aiocapdist._protocol.state import State
from aiocapdist.errors import ProtocolError

from ..support.transports import rsa_key
from .encrypted import CIPHERS, Encrypted, handshaking, ready
from .peer import figures, handshake_reply

MUTATIONS = 100_000  # for each cipher
RSA_SECONDS, RSA_LEAST = 1.0, 2_000
UNREADABLE = "a message could not be decrypted"

Mutation = Callable[[random.Random, bytes], bytes]


def flip_a_bit(draw: random.Random, body: bytes) -> bytes:
    at = draw.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << draw.randrange(8)]) + body[at + 1 :]


def change_bytes(draw: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(draw.randrange(1, 9)):
        changed[draw.randrange(len(body))] = draw.randrange(256)
    return bytes(changed)


def change_the_end(draw: random.Random, body: bytes) -> bytes:
    """The last byte, where paddings and lengths are."""
    return body[:-1] + bytes([draw.randrange(256)])


def cut(draw: random.Random, body: bytes) -> bytes:
    return body[: draw.randrange(len(body))]


def cut_blocks(draw: random.Random, body: bytes) -> bytes:
    return body[: draw.randrange(0, len(body), 16)]


def cut_the_beginning(draw: random.Random, body: bytes) -> bytes:
    return body[draw.randrange(1, len(body) + 1) :]


def lengthen(draw: random.Random, body: bytes) -> bytes:
    return body + draw.randbytes(draw.randrange(1, 49))


def repeat(draw: random.Random, body: bytes) -> bytes:
    return body + body[16 * draw.randrange(len(body) // 16) :]


def swap_blocks(draw: random.Random, body: bytes) -> bytes:
    blocks = [body[i : i + 16] for i in range(0, len(body), 16)]
    one, two = draw.randrange(len(blocks)), draw.randrange(len(blocks))
    blocks[one], blocks[two] = blocks[two], blocks[one]
    return b"".join(blocks)


def anything(draw: random.Random, body: bytes) -> bytes:
    return draw.randbytes(draw.choice((len(body), draw.randrange(1, 200))))


def zeros(draw: random.Random, body: bytes) -> bytes:
    return bytes(draw.randrange(0, len(body) + 17))


KINDS: list[Mutation] = [
    *(flip_a_bit, change_bytes, change_the_end, cut, cut_blocks, cut_the_beginning),
    *(lengthen, repeat, swap_blocks, anything, zeros),
]


def altered(draw: random.Random, sealed: bytes, digest: bytes) -> tuple[bytes, bytes]:
    """Return an altered body, or sometimes the same one with an altered digest."""
    if draw.random() < 0.05:
        return sealed, flip_a_bit(draw, digest)
    return draw.choice(KINDS)(draw, sealed), digest


def assert_closed(made: Encrypted, events: Sequence[object]) -> None:
    assert events == []
    assert made.session.state is State.CLOSED
    assert type(made.session.cause) is ProtocolError
    assert made.session.cause.args == (UNREADABLE,)
    assert made.session.cause.__cause__ is None
    assert made.session.data_to_send() == []


@pytest.mark.parametrize("algorithm", list(CIPHERS), ids=lambda each: each.name)
def test_100_000_altered_replies_close_with_the_same_error(
    algorithm: Algorithm,
) -> None:
    """Each in a session of its own."""
    draw = random.Random(algorithm.value)
    bodies = [figures(float(n), updateTime="x" * n) for n in range(48)]
    replies = [(body, CIPHERS[algorithm].encrypt(body), digest_of(body)) for body in bodies]
    outcomes: Counter[str] = Counter()
    for n in range(MUTATIONS):
        body, sealed, digest = replies[n % len(replies)]
        sealed, digest = altered(draw, sealed, digest)
        made = ready(algorithm, key=False)
        flight = made.session.request(3212, b"", "mine", 0.0)
        made.session.data_to_send()
        events = made.session.receive_data(
            encode_frame(flight.proto_id, flight.serial, sealed, digest), 1.0
        )
        if events:
            assert events == [ReplyReceived(flight, body)]
            assert made.session.state is State.READY
        else:
            assert_closed(made, events)
        outcomes["same" if events else "failed"] += 1
    assert outcomes.total() == MUTATIONS
    # For example a block swapped with itself, or a change in unused bytes.
    assert 0 < outcomes["same"] < MUTATIONS // 10


def test_altered_handshake_replies_fail_with_the_same_error() -> None:
    """RSA is slow: as many as a second allows, but at least 2,000."""
    draw = random.Random(1)
    cipher = Rsa(rsa_key())
    bodies = [handshake_reply(connAESKey="k" * 16, aesCBCiv="i" * 16) + b"\x1a\x7f" + b"y" * 127]
    bodies.append(bodies[0][:-129])
    deadline = perf_counter() + RSA_SECONDS
    outcomes: Counter[str] = Counter()
    while outcomes.total() < RSA_LEAST or perf_counter() < deadline:
        body = bodies[outcomes.total() % 2]
        sealed, digest = altered(draw, cipher.encrypt(body), digest_of(body))
        made = handshaking(Algorithm.AES_CBC)
        made.session.data_to_send()
        events = made.session.receive_data(encode_frame(1001, 1, sealed, digest), 1.0)
        if events:
            assert events == [HandshakeCompleted(HandshakeResult(2**63, 1011, 7, 10.0))]
            assert made.session.state is State.READY
        else:
            assert_closed(made, events)
        outcomes["same" if events else "failed"] += 1
    assert outcomes["same"] < outcomes.total() // 10
