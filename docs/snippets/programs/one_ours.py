import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        print((await client.capital_distribution("HK.00700")).capital_in_big)


asyncio.run(main())
