import asyncio

import aiocapdist
from aiocapdist.simulator import Fault, Faults, Simulator


async def main() -> None:
    # The first reply never comes; one in ten comes late, one in ten damaged.
    faults = Faults(
        {Fault.DELAY: 0.1, Fault.BAD_DIGEST: 0.1}, script=[Fault.DROP], seed=7
    )
    async with (
        Simulator(quota=None, faults=faults) as opend,
        aiocapdist.connect(
            port=opend.port, quota=aiocapdist.Quota(1000, 1.0), request_timeout=1.0
        ) as client,
    ):
        codes = [f"HK.{n:05d}" for n in range(1, 51)]
        result = await client.capital_distributions(codes)
        print(len(result), "of 50 answered, with", faults.played.total(), "faults")


if __name__ == "__main__":
    asyncio.run(main())
