"""The floor: a protocol that does only this call, written by hand.

Protobuf, SHA-1, frame, match, model, on an ``asyncio.Protocol`` as asyncio's documentation shows
it. Requests of one turn of the loop are written together, one that is alone at once. No quota,
reconnecting, deadlines, codes checked or errors told: less than anybody could use, and what
Python costs all the same.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from datetime import UTC, datetime
from hashlib import sha1

from aiocapdist._pb import capital_distribution_pb2, init_connect_pb2
from aiocapdist.models import CapitalDistribution, Market

from . import Watch, codes, obey, trips

HEAD = struct.Struct("<2sIBBII20s8x")
IN_FLIGHT = 128


class Floor(asyncio.Protocol):
    """``await floor.call("HK.00700")``, from any number of tasks."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[str, Market, asyncio.Future[CapitalDistribution]]] = {}
        self._serial = 1
        self._rest = b""
        self._unwritten: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self.ready = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]
        c2s = init_connect_pb2.C2S(clientVer=1011, clientID="floor")
        self._send(1001, init_connect_pb2.Request(c2s=c2s).SerializeToString())

    def call(self, code: str) -> asyncio.Future[CapitalDistribution]:
        market, _, symbol = code.partition(".")
        number = Market[market]
        request = capital_distribution_pb2.Request()
        request.c2s.security.market = number
        request.c2s.security.code = symbol
        future: asyncio.Future[CapitalDistribution] = self._loop.create_future()
        self._waiting[self._send(3212, request.SerializeToString())] = (code, number, future)
        return future

    def _send(self, proto_id: int, body: bytes) -> int:
        self._serial += 1
        head = HEAD.pack(b"FT", proto_id, 0, 0, self._serial, len(body), sha1(body).digest())
        self._unwritten.append(head + body)
        if not self._waiting:
            self._flush()  # what is alone gains nothing by waiting
        elif len(self._unwritten) == 1:
            self._loop.call_soon(self._flush)
        return self._serial

    def _flush(self) -> None:
        self._write(b"".join(self._unwritten))
        self._unwritten.clear()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        start = 0
        while len(data) - start >= HEAD.size:
            _, proto_id, _, _, serial, length, digest = HEAD.unpack_from(data, start)
            end = start + HEAD.size + length
            if end > len(data):
                break
            body = data[start + HEAD.size : end]
            start = end
            if sha1(body).digest() == digest:
                self._receive(proto_id, serial, body)
        self._rest = data[start:]

    def _receive(self, proto_id: int, serial: int, body: bytes) -> None:
        if proto_id == 1001:
            self.ready.set_result(None)
            return
        s2c = capital_distribution_pb2.Response.FromString(body).s2c
        code, market, future = self._waiting.pop(serial)
        future.set_result(
            CapitalDistribution(
                code=code,
                market=market,
                capital_in_super=s2c.capitalInSuper,
                capital_in_big=s2c.capitalInBig,
                capital_in_mid=s2c.capitalInMid,
                capital_in_small=s2c.capitalInSmall,
                capital_out_super=s2c.capitalOutSuper,
                capital_out_big=s2c.capitalOutBig,
                capital_out_mid=s2c.capitalOutMid,
                capital_out_small=s2c.capitalOutSmall,
                update_time=s2c.updateTime,
                updated_at=datetime.fromtimestamp(s2c.updateTimestamp, UTC),
            )
        )


def main(port: int) -> None:
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        async def connect() -> Floor:
            _, floor = await loop.create_connection(Floor, "127.0.0.1", port)
            await floor.ready
            return floor

        floor = runner.run(connect())

        async def one(code: str) -> CapitalDistribution:
            return await floor.call(code)

        async def gather(count: int) -> dict[str, float]:
            with Watch(count) as watch:
                await asyncio.gather(*[one(code) for code in codes(count)])
            return watch.result()

        async def sweep(count: int) -> dict[str, float]:
            """As many tasks as a sweep has requests in flight, each with one call after another."""
            waiting = iter(codes(count))

            async def calls() -> None:
                for code in waiting:
                    await floor.call(code)

            with Watch(count) as watch:
                await asyncio.gather(*[calls() for _ in range(IN_FLIGHT)])
            return watch.result()

        async def one_by_one(count: int) -> dict[str, float]:
            seconds = []
            for code in codes(count):
                began = time.perf_counter()
                await floor.call(code)
                seconds.append(time.perf_counter() - began)
            return trips(seconds)

        obey(
            {
                "sweep": lambda count: runner.run(sweep(count)),
                "gather": lambda count: runner.run(gather(count)),
                "trips": lambda count: runner.run(one_by_one(count)),
            }
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
