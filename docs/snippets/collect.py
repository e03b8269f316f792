import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        result = await client.capital_distributions(
            ["HK.00700", "US.AAPL", "HK.99999"]
        )
    for figures in sorted(result, key=lambda each: each.main_net, reverse=True):
        print(figures.code, f"{figures.main_net:+,.0f}")
    for code, error in result.errors.items():
        print(code, type(error).__name__)


if __name__ == "__main__":
    asyncio.run(main())
