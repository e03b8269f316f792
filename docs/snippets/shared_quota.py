import asyncio

import aiocapdist


async def main() -> None:
    quota = aiocapdist.Quota()  # 30 in 30 s, for both together
    async with (
        aiocapdist.connect(port=11111, quota=quota) as one,
        aiocapdist.connect(port=11112, quota=quota) as other,
    ):
        await asyncio.gather(
            one.capital_distribution("HK.00700"),
            other.capital_distribution("US.AAPL"),
        )
        print(quota.available, "tokens left for both")


if __name__ == "__main__":
    asyncio.run(main())
