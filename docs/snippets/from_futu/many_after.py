import asyncio

import aiocapdist

CODES = ["HK.00700", "HK.00005", "US.AAPL", "US.999999"]


async def main() -> None:
    async with aiocapdist.connect() as client:
        async for outcome in client.capital_distributions(CODES):
            if outcome.value is not None:
                print(outcome.code, outcome.value.net_big)
            else:
                print(outcome.code, "failed")


asyncio.run(main())
