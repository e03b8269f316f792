import asyncio
from collections import Counter

import aiocapdist

CODES = [f"HK.{n:05d}" for n in range(1, 61)]


async def main(first: int = 11111, second: int = 11112) -> None:
    gateways = [aiocapdist.connect(port=first), aiocapdist.connect(port=second)]
    async with aiocapdist.connect_many(gateways) as clients:
        shares: Counter[str | None] = Counter()
        async for outcome in clients.capital_distributions(CODES):
            outcome.unwrap()
            shares[outcome.gateway] += 1
        for gateway, share in sorted(shares.items()):
            print(gateway, "answered", share)


if __name__ == "__main__":
    asyncio.run(main())
