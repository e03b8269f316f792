import trio

import aiocapdist


async def main() -> None:
    async with aiocapdist.connect() as client:
        with trio.fail_after(60):
            print((await client.capital_distribution("HK.00700")).net)


if __name__ == "__main__":
    trio.run(main)
