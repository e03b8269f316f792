import asyncio

import aiocapdist


async def main() -> None:
    gateways = [aiocapdist.connect(port=11111), aiocapdist.connect(port=11112)]
    async with aiocapdist.connect_many(gateways) as clients:
        figures = await clients.capital_distribution("HK.00700")
        print(figures.code, "by", clients.answered_by(figures.code))
        for gateway, status in clients.status.items():
            print(gateway, "is", "there" if status.state == "ready" else "away")


if __name__ == "__main__":
    asyncio.run(main())
