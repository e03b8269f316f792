import asyncio

import aiocapdist


async def main() -> None:
    quota = aiocapdist.Quota(limit=30, period=30.0, reserve=5)
    async with aiocapdist.connect(quota=quota) as client:
        # At most 2 s in line; else QuotaWaitTooLong, and nothing was sent.
        await client.capital_distribution("HK.00700", max_wait=2.0)
        # An answer that came within the last minute will do: no request, no token.
        await client.capital_distribution("HK.00700", max_age=60.0)
        print(
            quota.available,
            "of",
            quota.limit,
            "tokens left; five more in",
            quota.eta(5),
            "s",
        )


if __name__ == "__main__":
    asyncio.run(main())
