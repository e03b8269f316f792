import asyncio

import aiocapdist


class Bot:
    async def start(self) -> None:
        self.client = await aiocapdist.connect()

    async def stop(self) -> None:
        await self.client.aclose()

    async def on_message(self, code: str) -> str:
        try:
            figures = await self.client.capital_distribution(code, timeout=10.0)
        except aiocapdist.AiocapdistError as error:
            return f"{code}: {type(error).__name__}"
        return f"{code}: {figures.capital_in_big}"


async def main() -> None:
    bot = Bot()
    await bot.start()
    asking = map(bot.on_message, ["HK.00700", "HK.00005"])
    for answer in await asyncio.gather(*asking):
        print(answer)
    await bot.stop()


asyncio.run(main())
