"""Where the microseconds of one call go: each stage alone, in one process, without a socket.

What is left between their sum and the cost of a real call is the event loop's and the
system's: reading, writing, and waking a task.
"""

from __future__ import annotations

import asyncio
import time
import timeit
from collections.abc import Callable
from typing import Any

from aiocapdist._connection.stats import ConnectionStats
from aiocapdist._loop import new_waiter, wake
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist._protocol import catalog
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist._protocol.encoders import CapitalDistributionEncoder
from aiocapdist._protocol.frames import digest_of, encode_frame
from aiocapdist._protocol.response import parse_response
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.tcp_codec import TcpCodec
from aiocapdist._requests.kinds import DistributionRequest
from aiocapdist._requests.queue import RequestQueue
from aiocapdist._requests.routes import Route
from aiocapdist._requests.single_flight import Distributions, SingleFlight
from aiocapdist.models import Security
from aiocapdist.quota import Quota
from aiocapdist.quota._core.quota import scheduler_of

from .gateway import capital_distribution_body, welcome_body

BATCH = 2000
CODE = "HK.00700"


def microseconds(stage: Callable[[], object], calls: int = BATCH) -> float:
    """The best of seven runs, per call: what disturbs a run only ever makes it longer."""
    return min(timeit.repeat(stage, number=calls, repeat=7)) / calls * 1e6


def ready_session() -> Session[object]:
    """A session that was let in, as a connection holds one."""
    session: Session[object] = Session(
        TcpCodec(client_id="bench", max_frame=2**20), first_serial=0, request_timeout=10.0
    )
    session.start(0.0, 10.0)
    session.data_to_send()
    session.receive_data(encode_frame(catalog.INIT_CONNECT, 1, welcome_body()), 0.0)
    return session


class _Link:
    """What a queue needs of its hub, a gateway and a connection; sends nothing."""

    request_timeout = 10.0
    clock = staticmethod(time.monotonic)
    flights = ()
    stats = ConnectionStats()

    @property
    def connection(self) -> _Link:
        return self

    def send(self, request: object, route: object, now: float, alone: bool = False) -> object:
        return self


def queue_stage() -> float:
    """Make a request, take a token, and settle it: everything but the sending."""
    link: Any = _Link()
    scheduler = scheduler_of(Quota(10 * BATCH, 0.001))
    queue = RequestQueue(link, [Route(None, link, scheduler, CapitalDistributionEncoder())])
    single_flight: Distributions = SingleFlight(DistributionRequest, time.monotonic, 3)
    security = Security.parse(CODE)

    def stage() -> None:
        single_flight.join(CODE, security, queue)
        scheduler.replied(0.0)

    return microseconds(stage)


def match_stage() -> tuple[float, float]:
    """A request's serial and bookkeeping; and its reply, cut from bytes and matched."""
    session = ready_session()
    body = CapitalDistributionEncoder().encode(Security.parse(CODE))
    reply = capital_distribution_body()
    answered = iter([encode_frame(3212, n, reply) for n in range(2, 8 * BATCH)])
    asking = microseconds(lambda: session.request(3212, body, object(), 0.0), BATCH)
    session.data_to_send()
    taking = microseconds(lambda: session.receive_data(next(answered), 0.0), BATCH // 2)
    return asking, taking


def stages() -> dict[str, float]:
    """Microseconds by stage."""
    question = CapitalDistributionEncoder()
    security = Security.parse(CODE)
    body = question.encode(security)
    reply = capital_distribution_body()
    asking, taking = match_stage()
    digest, frame = (
        microseconds(lambda: digest_of(reply)),
        microseconds(lambda: encode_frame(3212, 1, body)),
    )
    decode = microseconds(lambda: parse_response(capital_distribution_pb2.Response, reply))
    model = microseconds(lambda: decode_capital_distribution(reply, CODE, security))
    return {
        "check": microseconds(lambda: Security.parse(CODE)),
        "queue": queue_stage(),
        "encode": microseconds(lambda: question.encode(security)),
        "frame (with its digest)": frame,
        "serial and bookkeeping": asking - frame,
        "match (with cutting and digest)": taking,
        "of which digest": digest,
        "decode": decode,
        "model": model - decode,
        "wake (one future)": asyncio.run(wake_stage()),
    }


async def wake_stage() -> float:
    """A task that waits, woken by a callback: what each single call pays at the end."""
    best = float("inf")
    for _ in range(7):
        waiters = [new_waiter() for _ in range(BATCH)]

        async def wait(waiter: object) -> None:
            await waiter  # type: ignore[misc]

        tasks = [asyncio.ensure_future(wait(waiter)) for waiter in waiters]
        began = time.process_time()
        await asyncio.sleep(0)
        for waiter in waiters:
            wake(waiter)
        await asyncio.gather(*tasks)
        best = min(best, (time.process_time() - began) / BATCH * 1e6)
    return best


def main() -> None:
    for name, cost in stages().items():
        print(f"{name:32} {cost:6.2f} µs")


if __name__ == "__main__":
    main()
