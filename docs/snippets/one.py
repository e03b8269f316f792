import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        figures = await client.capital_distribution("HK.00700")
        print(figures.code, figures.capital_in, figures.capital_out, figures.net)
        print("made at", figures.updated_at)


if __name__ == "__main__":
    asyncio.run(main())
