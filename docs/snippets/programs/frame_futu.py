import time

import pandas as pd
from futu import RET_OK, OpenQuoteContext

context = OpenQuoteContext(host="127.0.0.1", port=11111)
frames = []
for code in ["HK.00700", "HK.00005"]:
    ret, data = context.get_capital_distribution(code)
    if ret == RET_OK:
        data.insert(0, "code", code)
        frames.append(data)
    time.sleep(1)
context.close()
table = pd.concat(frames, ignore_index=True)
print(table[["code", "capital_in_big"]].to_string(index=False))
