import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        status = client.status
        print("OpenD", status.server_version, "by", status.transport)
        print("user", status.login_user_id)
        figures = await client.capital_distribution("HK.00700")
        print(f"{figures.code}: net {figures.net:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
