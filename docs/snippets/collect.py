import asyncio

import aiocapdist


async def main(port: int = 11111) -> None:
    async with aiocapdist.connect(port=port) as client:
        report = await client.capital_distributions(["HK.00700", "US.AAPL", "HK.99999"])
    for figures in sorted(report.values.values(), key=lambda f: f.main_net, reverse=True):
        print(figures.code, f"{figures.main_net:+,.0f}")
    for code, error in report.errors.items():
        print(code, type(error).__name__)


if __name__ == "__main__":
    asyncio.run(main())
