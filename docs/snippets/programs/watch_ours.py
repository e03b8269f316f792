import asyncio

import aiocapdist

CODES = ["HK.00700", "HK.00005"]


async def main() -> None:
    async with aiocapdist.connect() as client:
        async for change in client.watch(CODES, every=60.0):
            if (crossed := change.crossed("main_net")) != 0:
                print(change.code, "bought" if crossed > 0 else "sold", flush=True)


asyncio.run(main())
