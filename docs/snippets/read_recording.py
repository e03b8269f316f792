import asyncio
from datetime import UTC, datetime, timedelta

from aiocapdist.recording import Recording


async def main() -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    async with Recording("day.sqlite", read_only=True) as recording:
        async for figures in recording.read(["HK.00700"], since=yesterday):
            print(figures.updated_at, f"{figures.main_net:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
