import asyncio

from aiocapdist.recording import Recording


async def main() -> None:
    async with Recording("day.sqlite", read_only=True) as recording:
        count = await recording.export("day.parquet")
    print(count, "rows")


if __name__ == "__main__":
    asyncio.run(main())
