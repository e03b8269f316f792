"""Code of yours, to be tested: which securities does the main force leave?"""

from collections.abc import Iterable

import aiocapdist


async def being_left(client: aiocapdist.Client, codes: Iterable[str]) -> list[str]:
    result = await client.capital_distributions(codes)
    return [figures.code for figures in result if figures.main_net < 0]
