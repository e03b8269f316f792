import asyncio

import aiocapdist


class Bot:
    """Starts and stops in different tasks, as many frameworks have it."""

    def __init__(self, port: int = 11111) -> None:
        self.port = port

    async def start(self) -> None:
        self.client = await aiocapdist.connect(port=self.port)

    async def stop(self) -> None:
        await self.client.aclose()

    async def on_message(self, code: str) -> str:
        figures = await self.client.capital_distribution(code)
        return f"{code}: main force {figures.main_net:+,.0f}"


async def main(port: int = 11111) -> None:
    bot = Bot(port)
    await bot.start()
    print(await bot.on_message("HK.00700"))
    await bot.stop()


if __name__ == "__main__":
    asyncio.run(main())
