import asyncio

import aiocapdist
from aiocapdist import CapitalDistribution, Client, Quota
from aiocapdist.simulator import Simulator

SPEED = 23_400  # a day of six and a half hours in one second


async def alarm(
    client: Client, code: str, every: float = 60.0
) -> CapitalDistribution:
    """Your code: wait until the main force sells more than it buys."""
    while True:
        figures = await client.capital_distribution(code)
        if figures.main_net < 0:
            return figures
        await asyncio.sleep(every)


async def main() -> None:
    # The quota runs as much faster as the day does.
    quota = Quota(30, 30 / SPEED, margin=0.05 / SPEED)
    async with (
        Simulator(
            recording="day.sqlite", speed=SPEED, quota=(30, 30 / SPEED)
        ) as opend,
        aiocapdist.connect(port=opend.port, quota=quota) as client,
    ):
        figures = await alarm(client, "HK.00700", every=60 / SPEED)
    print("alarm at", figures.updated_at)


if __name__ == "__main__":
    asyncio.run(main())
