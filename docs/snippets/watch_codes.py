import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        watch = client.watch(["HK.00700"], every=60.0)
        async for change in watch:
            print(change.code)
            if change.code == "HK.00700":
                watch.add(["HK.00005", "HK.00939"])
                watch.discard(["HK.00700"])
            elif len(watch.codes) > 1:
                watch.discard([change.code])
            else:
                break  # nothing more is asked


if __name__ == "__main__":
    asyncio.run(main())
