import asyncio

import aiocapdist

CODES = [f"HK.{n:05d}" for n in range(1, 41)]


async def main() -> None:
    async with aiocapdist.connect() as client:
        result = await client.capital_distributions(CODES)
    for figures in sorted(result, key=lambda each: each.main_net, reverse=True)[:5]:
        print(figures.code, f"{figures.main_net:+,.0f}")


asyncio.run(main())
