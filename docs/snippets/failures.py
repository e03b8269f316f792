import asyncio

import aiocapdist


async def ask(code: str) -> str:
    try:
        async with aiocapdist.connect(connect_timeout=5.0) as client:
            figures = await client.capital_distribution(code, max_wait=60.0)
    except aiocapdist.InvalidCode as error:
        return f"no such form of code; did you mean {error.suggestion}?"
    except aiocapdist.QuotaWaitTooLong as error:
        return f"the quota is spent; try again in {error.eta:.0f} s"
    except aiocapdist.OpenDError as error:
        return f"OpenD says no: {error.ret_msg}"
    except aiocapdist.ConnectError as error:
        return f"{error.reason}: {error.hint}"
    return f"{figures.net:+,.0f}"


if __name__ == "__main__":
    print(asyncio.run(ask("HK.00700")))
