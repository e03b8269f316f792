import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        state = await client.global_state()  # costs no token
        print("OpenD", state.server_version, "is", client.status.state)
        print("Hong Kong:", repr(state.market_hk))


if __name__ == "__main__":
    asyncio.run(main())
