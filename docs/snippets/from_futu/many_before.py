import time

from futu import RET_OK, OpenQuoteContext

CODES = ["HK.00700", "HK.00005", "US.AAPL", "US.999999"]

context = OpenQuoteContext(host="127.0.0.1", port=11111)
for code in CODES:
    ret, data = context.get_capital_distribution(code)
    if ret == RET_OK:
        print(code, data["capital_in_big"][0] - data["capital_out_big"][0])
    else:
        print(code, "failed")
    time.sleep(1)  # or so: 30 calls in 30 seconds
context.close()
