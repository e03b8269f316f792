import time

from futu import RET_OK, OpenQuoteContext

context = OpenQuoteContext(host="127.0.0.1", port=11111)
for code in ["HK.00700", "HK.00005"]:
    ret, data = context.get_capital_distribution(code)
    if ret != RET_OK:
        raise RuntimeError(data)
    print(code, data["capital_in_big"][0])
    time.sleep(1)
context.close()
