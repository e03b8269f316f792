import asyncio

from aiocapdist.recording import Recording


async def main(path: str = "day.sqlite", target: str = "day.parquet") -> None:
    async with Recording(path, read_only=True) as recording:
        count = await recording.export(target)
    print(count, "rows")


if __name__ == "__main__":
    asyncio.run(main())
