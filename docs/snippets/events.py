import asyncio

import aiocapdist
from aiocapdist import Connected, Disconnected, GatewayEvent, Notice, Throttled


async def watch(events: aiocapdist.EventStream) -> None:
    async for event in events:
        match event:
            case Connected(conn_id=conn_id):
                print(f"connected, as {conn_id}")
            case Disconnected(reason=reason):
                print(f"disconnected: {reason}")
            case Throttled(waiting=waiting, eta=eta):
                print(f"{waiting} in line, the next goes in {eta:.0f} s")
            case Notice(gateway_event=GatewayEvent.KICKED_OUT, text=text):
                print(f"logged in elsewhere: {text}")


async def main() -> None:
    async with asyncio.TaskGroup() as tasks, aiocapdist.connect() as client:
        tasks.create_task(watch(client.events()))  # ends when the client is closed
        codes = [f"HK.{n:05d}" for n in range(1, 32)]
        async for outcome in client.capital_distributions(codes):
            if client.quota.available == 0:
                print("the 31st has to wait")
                break
            outcome.unwrap()


if __name__ == "__main__":
    asyncio.run(main())
