import asyncio
from collections import Counter

import aiocapdist

CODES = [f"HK.{n:05d}" for n in range(1, 61)]


async def main() -> None:
    gateways = [aiocapdist.connect(port=11111), aiocapdist.connect(port=11112)]
    async with aiocapdist.connect_many(gateways) as clients:
        shares: Counter[str | None] = Counter()
        async for outcome in clients.capital_distributions(CODES):
            outcome.unwrap()
            shares[outcome.gateway] += 1
        for gateway, share in sorted(shares.items()):
            print(gateway, "answered", share)


if __name__ == "__main__":
    asyncio.run(main())
