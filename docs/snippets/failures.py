import asyncio

import aiocapdist


async def ask(code: str) -> str:
    try:
        async with aiocapdist.connect(connect_timeout=5.0) as client:
            figures = await client.capital_distribution(code, max_wait=60.0)
    except aiocapdist.InvalidCode as error:
        return f"check the code: {error}"
    except aiocapdist.QuotaWaitTooLong as error:
        return f"call again later: {error}"
    except aiocapdist.OpenDError as error:
        return f"OpenD answered: {error.ret_msg}"
    except aiocapdist.ConnectError as error:
        return f"{error.reason}: {error.hint}"
    return f"{figures.net:+,.0f}"


if __name__ == "__main__":
    print(asyncio.run(ask("HK.00700")))
