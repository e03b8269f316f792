import asyncio

import aiocapdist
from aiocapdist.simulator import Simulator


async def main() -> None:
    async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
        async for outcome in client.capital_distributions(["HK.00700", "US.AAPL", "SH.600519"]):
            figures = outcome.unwrap()
            print(f"{figures.code:9}  net {figures.net:+15,.0f}  main {figures.main_net:+15,.0f}")


asyncio.run(main())
