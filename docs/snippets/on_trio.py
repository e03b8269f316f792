import trio

import aiocapdist


async def main(port: int = 11111) -> None:
    async with aiocapdist.connect(port=port) as client:
        with trio.fail_after(60):
            print((await client.capital_distribution("HK.00700")).net)


if __name__ == "__main__":
    trio.run(main)
