import asyncio

import aiocapdist
from aiocapdist.simulator import Simulator

CODES = ["HK.00700", "US.AAPL", "SH.600519"]


async def main() -> None:
    async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
        async for outcome in client.capital_distributions(CODES):
            each = outcome.unwrap()
            print(each.code, f"net {each.net:+,.0f} main {each.main_net:+,.0f}")


asyncio.run(main())
