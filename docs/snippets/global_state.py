import asyncio

import aiocapdist


async def main(port: int = 11111) -> None:
    async with aiocapdist.connect(port=port) as client:
        state = await client.global_state()  # costs no token
        print("OpenD", state.server_version, "- Hong Kong:", state.market_hk)
        print(client.status)


if __name__ == "__main__":
    asyncio.run(main())
