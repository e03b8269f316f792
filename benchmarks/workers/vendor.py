"""futu-api: one call after another. Its threads wait for each other, so more gain nothing."""

from __future__ import annotations

import os
import sys
import time
import warnings

warnings.simplefilter("ignore")

from . import Watch, codes, obey, trips  # noqa: E402


def main(port: int) -> None:
    import futu

    context = futu.OpenQuoteContext(host="127.0.0.1", port=port)

    def sweep(count: int) -> dict[str, float]:
        with Watch(count) as watch:
            for code in codes(count):
                ret, _ = context.get_capital_distribution(code)
                assert ret == 0
        return watch.result()

    def one_by_one(count: int) -> dict[str, float]:
        seconds = []
        for code in codes(count):
            began = time.perf_counter()
            context.get_capital_distribution(code)
            seconds.append(time.perf_counter() - began)
        return trips(seconds)

    obey({"sweep": sweep, "trips": one_by_one})
    sys.stdout.flush()
    os._exit(0)  # its threads never end


if __name__ == "__main__":
    main(int(sys.argv[1]))
