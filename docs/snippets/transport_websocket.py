import asyncio
import os

import aiocapdist


async def main() -> None:
    key = os.environ["OPEND_WEBSOCKET_KEY"]
    async with aiocapdist.connect(
        "ws://127.0.0.1:33333", websocket_key=key
    ) as client:
        state = await client.global_state()
        print(f"OpenD {state.server_version} by {client.status.transport}")
        figures = await client.capital_distribution("HK.00700")
        print(f"{figures.code}: net {figures.net:+,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
