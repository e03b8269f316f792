import asyncio

import aiocapdist

CODES = ["HK.00700", "HK.00005"]
TOO_OLD = 300.0  # seconds


async def main() -> None:
    async with aiocapdist.connect() as client:
        async for change in client.watch(CODES, every=60.0):
            if change.age is not None and change.age > TOO_OLD:
                print(change.code, f"figures are {change.age / 60:.0f} minutes old")
            match change.crossed("main_net"):
                case 1:
                    print(change.code, "the main force began to buy")
                case -1:
                    print(change.code, "the main force began to sell")


if __name__ == "__main__":
    asyncio.run(main())
