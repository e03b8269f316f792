"""Code of yours, to be tested: which securities does the main force leave?"""

from collections.abc import Iterable

import aiocapdist


async def being_left(client: aiocapdist.Client, codes: Iterable[str]) -> list[str]:
    report = await client.capital_distributions(codes)
    return [code for code, figures in report.values.items() if figures.main_net < 0]
