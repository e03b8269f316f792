import asyncio

import aiocapdist

CODES = ["HK.00700", "HK.00005", "US.AAPL"]


async def main() -> None:
    async with aiocapdist.connect() as client:
        async for change in client.watch(CODES, every=60.0):  # until Ctrl-C
            if change.error is not None:
                print(change.code, "failed:", change.error)
            elif change.value is not None:
                print(
                    change.code,
                    f"{change.value.main_net:+,.0f}",
                    change.value.updated_at,
                )


if __name__ == "__main__":
    asyncio.run(main())
