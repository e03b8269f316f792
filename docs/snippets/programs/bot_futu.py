import asyncio
import threading
import time

from futu import RET_OK, OpenQuoteContext


class Bot:
    async def start(self) -> None:
        self.lock = threading.Lock()
        self.last = 0.0
        self.context = await asyncio.to_thread(OpenQuoteContext, "127.0.0.1", 11111)

    async def stop(self) -> None:
        await asyncio.to_thread(self.context.close)

    def ask(self, code: str) -> object:
        with self.lock:  # one after the other, a second apart
            time.sleep(max(0.0, self.last + 1 - time.monotonic()))
            self.last = time.monotonic()
            ret, data = self.context.get_capital_distribution(code)
        return data["capital_in_big"][0] if ret == RET_OK else data

    async def on_message(self, code: str) -> str:
        asking = asyncio.to_thread(self.ask, code)
        try:
            answer = await asyncio.wait_for(asking, 10.0)  # the thread goes on
        except TimeoutError:
            return f"{code}: TimeoutError"
        return f"{code}: {answer}"


async def main() -> None:
    bot = Bot()
    await bot.start()
    asking = map(bot.on_message, ["HK.00700", "HK.00005"])
    for answer in await asyncio.gather(*asking):
        print(answer)
    await bot.stop()


asyncio.run(main())
