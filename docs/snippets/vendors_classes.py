import asyncio

# The vendor's own message classes, as its package futu-api has them.
from futu.common.pb import Qot_GetCapitalFlow_pb2 as capital_flow

import aiocapdist

HK = 1


async def main() -> None:
    request = capital_flow.Request()
    request.c2s.security.market = HK
    request.c2s.security.code = "00700"
    async with aiocapdist.connect() as client:
        reply = await client.request(
            3211, request, capital_flow.Response, idempotent=True
        )
    for item in reply.s2c.flowItemList:
        print(item.time, f"{item.inFlow:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
