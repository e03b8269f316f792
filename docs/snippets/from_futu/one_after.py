import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        data = await client.capital_distribution("HK.00700")
        print(data.capital_in_big)
        print(data.update_time)


asyncio.run(main())
