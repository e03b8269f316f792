import asyncio

import aiocapdist

CODES = ["HK.00700", "HK.00005", "HK.00941", "HK.01299", "HK.09988"]


def main_ratio(figures: aiocapdist.CapitalDistribution) -> float:
    return figures.main_ratio or 0.0  # None if no money moved


async def main() -> None:
    async with aiocapdist.connect() as client:
        result = await client.capital_distributions(CODES)
    for each in sorted(result, key=main_ratio, reverse=True):
        print(f"{each.code}  {main_ratio(each):+7.2%}  {each.main_net:+15,.0f}")
    for code, error in result.errors.items():
        print(code, "failed:", error)


if __name__ == "__main__":
    asyncio.run(main())
