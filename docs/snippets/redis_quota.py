import asyncio
import os

import aiocapdist
from aiocapdist.quota import RedisQuota


async def main() -> None:
    # redis://user:password@host:6379/0, from where nobody else can read it
    quota = RedisQuota(os.environ["AIOCAPDIST_REDIS"], limit=26, fallback=2)
    async with aiocapdist.connect(quota=quota) as client:
        watching = asyncio.create_task(watch(client))
        await client.capital_distribution("HK.00700")
        print(quota.available, "tokens left for all machines")
        watching.cancel()


async def watch(client: aiocapdist.Client) -> None:
    async for event in client.events():
        match event:
            case aiocapdist.QuotaDegraded():
                print(f"{event.reason}; {event.fallback} tokens meanwhile")
            case aiocapdist.QuotaRestored():
                print("the quota is back")


if __name__ == "__main__":
    asyncio.run(main())
