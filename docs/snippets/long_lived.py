import asyncio

import aiocapdist


class Bot:
    """Starts and stops in different tasks, as many frameworks have it."""

    async def start(self) -> None:
        self.client = await aiocapdist.connect()

    async def stop(self) -> None:
        await self.client.aclose()

    async def on_message(self, code: str) -> str:
        figures = await self.client.capital_distribution(code)
        return f"{code}: main force {figures.main_net:+,.0f}"


async def main() -> None:
    bot = Bot()
    await bot.start()
    print(await bot.on_message("HK.00700"))
    await bot.stop()


if __name__ == "__main__":
    asyncio.run(main())
