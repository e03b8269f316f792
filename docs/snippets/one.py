import asyncio

import aiocapdist


async def main(port: int = 11111) -> None:
    async with aiocapdist.connect("127.0.0.1", port) as client:
        figures = await client.capital_distribution("HK.00700")
        print(figures.code, figures.capital_in, figures.capital_out, figures.net)
        print("made at", figures.updated_at)


if __name__ == "__main__":
    asyncio.run(main())
