"""Sealed messages, altered on the way: one and the same end for each of them, whatever it is.

Not one in a hundred thousand may be told from another, crash, or be taken for an answer. The
one exception is what opens to the very same body, told by its digest: FTAES's tail has 15
bytes that nobody reads, and there is no MAC that would cover them.
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
from .encrypted import CIPHERS, Sealed, greeting, ready
from .peer import figures, handshake_reply

MUTATIONS = 100_000
RSA_SECONDS, RSA_LEAST = 5.0, 2_000
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
    """Where padding and lengths are: every value of the last byte comes up."""
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
    """Another body, or now and then the same one under another digest."""
    if draw.random() < 0.05:
        return sealed, flip_a_bit(draw, digest)
    return draw.choice(KINDS)(draw, sealed), digest


def assert_ended(made: Sealed, events: Sequence[object]) -> None:
    assert events == []
    assert made.session.state is State.CLOSED
    assert type(made.session.cause) is ProtocolError
    assert made.session.cause.args == (UNREADABLE,)
    assert made.session.cause.__cause__ is None
    assert made.session.data_to_send() == []


@pytest.mark.parametrize("algorithm", list(CIPHERS), ids=lambda each: each.name)
def test_100_000_altered_replies_all_end_alike(algorithm: Algorithm) -> None:
    """Each in a session of its own, from the hand-shake on."""
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
        events = made.session.receive_data(encode_frame(*flight.key, sealed, digest), 1.0)
        if events:
            assert events == [ReplyReceived(flight, body)]
            assert made.session.state is State.READY
        else:
            assert_ended(made, events)
        outcomes["same" if events else "ended"] += 1
    assert outcomes.total() == MUTATIONS
    # Swapped with itself, say, or changed where nobody looks.
    assert 0 < outcomes["same"] < MUTATIONS // 10


def test_altered_welcomes_all_end_alike() -> None:
    """RSA is slow: as many as go into five seconds, and at least two thousand."""
    draw = random.Random(1)
    cipher = Rsa(rsa_key())
    bodies = [handshake_reply(connAESKey="k" * 16, aesCBCiv="i" * 16) + b"\x1a\x7f" + b"y" * 127]
    bodies.append(bodies[0][:-129])
    deadline = perf_counter() + RSA_SECONDS
    outcomes: Counter[str] = Counter()
    while outcomes.total() < RSA_LEAST or perf_counter() < deadline:
        body = bodies[outcomes.total() % 2]
        sealed, digest = altered(draw, cipher.encrypt(body), digest_of(body))
        made = greeting(Algorithm.AES_CBC)
        made.session.data_to_send()
        events = made.session.receive_data(encode_frame(1001, 1, sealed, digest), 1.0)
        if events:
            assert events == [HandshakeCompleted(HandshakeResult(2**63, 1011, 7, 10.0))]
            assert made.session.state is State.READY
        else:
            assert_ended(made, events)
        outcomes["same" if events else "ended"] += 1
    assert outcomes["same"] < outcomes.total() // 10
