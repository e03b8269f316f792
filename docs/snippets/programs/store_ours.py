import asyncio

import aiocapdist
from aiocapdist.recording import Recording

CODES = ["HK.00700", "HK.00005"]


async def main() -> None:
    async with aiocapdist.connect() as client, Recording("day.sqlite") as recording:
        await recording.add(*await client.capital_distributions(CODES))
        async for figures in recording.read(["HK.00700"]):
            print(figures.code, figures.capital_in_big)


asyncio.run(main())
