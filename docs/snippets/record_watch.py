import asyncio

import aiocapdist
from aiocapdist.recording import Recording

CODES = ["HK.00700", "HK.00005", "US.AAPL"]


async def main(port: int = 11111, path: str = "day.sqlite") -> None:
    async with aiocapdist.connect(port=port) as client, Recording(path) as recording:
        await recording.follow(client.watch(CODES, every=60.0))  # until Ctrl-C


if __name__ == "__main__":
    asyncio.run(main())
