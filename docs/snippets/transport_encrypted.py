import asyncio

import aiocapdist


async def main(port: int = 11111, key: str = "opend-key.pem") -> None:
    async with aiocapdist.connect("127.0.0.1", port, rsa_key=key) as client:
        print("encrypted" if client.status.encrypted else "in the clear")
        figures = await client.capital_distribution("HK.00700")
        print(f"{figures.code}: net {figures.net:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
