import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        result = await client.capital_distributions(["HK.00700", "HK.00005"])
    table = result.to_pandas()
    print(table[["code", "capital_in_big"]].to_string(index=False))


asyncio.run(main())
