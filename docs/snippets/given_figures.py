import asyncio

import aiocapdist
from aiocapdist import CapitalDistribution, Market
from aiocapdist.simulator import Simulator

TENCENT = CapitalDistribution(
    code="HK.00700",
    market=Market.HK,
    capital_in_big=2e6,
    capital_in_mid=1e6,
    capital_in_small=1e6,
    capital_out_big=5e6,
    capital_out_mid=1e6,
    capital_out_small=1e6,
)


async def main() -> None:
    async with (
        Simulator(figures={"HK.00700": TENCENT}) as opend,
        aiocapdist.connect(port=opend.port) as client,
    ):
        figures = await client.capital_distribution("HK.00700")
    print(f"{figures.main_net:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
