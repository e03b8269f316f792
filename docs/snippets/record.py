import asyncio

import aiocapdist
from aiocapdist.recording import Recording

CODES = ["HK.00700", "HK.00005", "US.AAPL"]


async def main() -> None:
    async with aiocapdist.connect() as client, Recording("day.sqlite") as recording:
        await recording.follow(client.capital_distributions(CODES))
        for code, figures in (await recording.latest()).items():
            print(code, f"{figures.main_net:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
