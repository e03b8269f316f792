import asyncio

import aiocapdist
from aiocapdist.quota import FileQuota


async def main() -> None:
    async with aiocapdist.connect(quota=FileQuota("capdist.quota")) as client:
        await client.capital_distribution("HK.00700")
        print(
            client.quota.available, "tokens left for all processes of this machine"
        )


if __name__ == "__main__":
    asyncio.run(main())
