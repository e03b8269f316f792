import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect(rsa_key="opend-key.pem") as client:
        print("encrypted" if client.status.encrypted else "in the clear")
        figures = await client.capital_distribution("HK.00700")
        print(f"{figures.code}: net {figures.net:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
