import asyncio

import aiocapdist
from aiocapdist import Period


async def main() -> None:
    async with aiocapdist.connect() as client:
        today = await client.capital_flow("HK.00700")
        if today.points:
            print(
                "so far", f"{today.points[-1].in_flow:+,.0f}"
            )  # rows add up already
        days = await client.capital_flow("HK.00700", Period.DAY, start="2025-01-02")
        for point in days.points[-3:]:
            print(point.day, f"{point.in_flow:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
