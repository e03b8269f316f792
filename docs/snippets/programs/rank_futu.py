import time

from futu import RET_OK, OpenQuoteContext

CODES = [f"HK.{n:05d}" for n in range(1, 41)]

context = OpenQuoteContext(host="127.0.0.1", port=11111)
nets = {}
for code in CODES:
    ret, data = context.get_capital_distribution(code)
    if ret == RET_OK:
        row = data.iloc[0]
        came = row["capital_in_super"] + row["capital_in_big"]
        nets[code] = came - row["capital_out_super"] - row["capital_out_big"]
    time.sleep(1)  # 30 calls in 30 seconds, if nobody else calls
context.close()
for code in sorted(nets, key=lambda each: nets[each], reverse=True)[:5]:
    print(code, f"{nets[code]:+,.0f}")
