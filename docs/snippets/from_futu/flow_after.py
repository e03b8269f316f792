import asyncio

import aiocapdist
from aiocapdist import Period


async def main() -> None:
    async with aiocapdist.connect() as client:
        flow = await client.capital_flow("HK.00700", Period.DAY)
    for point in flow.points[-3:]:
        print(point.time, point.in_flow)


asyncio.run(main())
