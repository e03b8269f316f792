import asyncio

import aiocapdist

CODES = ["HK.00700", "hk.00005", "US.AAPL", "US.999999"]


async def main() -> None:
    async with aiocapdist.connect() as client:
        async for outcome in client.capital_distributions(CODES):
            if outcome.value is not None:
                print(outcome.code, f"{outcome.value.main_net:+,.0f}")
            else:
                print(outcome.code, "failed:", outcome.error)


if __name__ == "__main__":
    asyncio.run(main())
