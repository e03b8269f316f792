import asyncio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        state = await client.global_state()
    print(getattr(state.market_hk, "name", state.market_hk))
    print(state.quote_logged_in)


asyncio.run(main())
