import asyncio

import aiocapdist

CODES = ["HK.00700", "HK.00005", "HK.00941", "HK.01299", "HK.09988"]


async def main() -> None:
    async with aiocapdist.connect() as client:
        result = await client.capital_distributions(CODES)
    for figures in sorted(result, key=lambda each: each.main_ratio or 0.0, reverse=True):
        print(f"{figures.code}  {figures.main_ratio or 0.0:+7.2%}  {figures.main_net:+15,.0f}")
    for code, error in result.errors.items():
        print(code, "failed:", error)


if __name__ == "__main__":
    asyncio.run(main())
