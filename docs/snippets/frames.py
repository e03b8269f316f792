import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        result = await client.capital_distributions(
            ["HK.00700", "HK.00005", "US.AAPL"]
        )
    frame = result.to_pandas()  # or .to_polars(), .to_arrow(), .rows()
    print(frame[["code", "market", "net", "main_net"]])
    print("times are", frame["updated_at"].dtype)


if __name__ == "__main__":
    asyncio.run(main())
