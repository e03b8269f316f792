import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        table = (await client.capital_distributions(["HK.00700", "HK.00005"])).to_pandas()
    print(table[["code", "capital_in_big"]].to_string(index=False))


asyncio.run(main())
