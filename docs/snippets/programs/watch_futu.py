import time

from futu import RET_OK, OpenQuoteContext

CODES = ["HK.00700", "HK.00005"]

context = OpenQuoteContext(host="127.0.0.1", port=11111)
before: dict[str, float] = {}
while True:
    started = time.monotonic()
    for code in CODES:
        ret, data = context.get_capital_distribution(code)
        if ret != RET_OK:
            continue
        row = data.iloc[0]
        net = row["capital_in_super"] + row["capital_in_big"]
        net -= row["capital_out_super"] + row["capital_out_big"]
        last = before.get(code)
        if last is not None and (last > 0) != (net > 0):
            print(code, "bought" if net > 0 else "sold", flush=True)
        before[code] = net
        time.sleep(1)
    time.sleep(max(0.0, 60 - (time.monotonic() - started)))
