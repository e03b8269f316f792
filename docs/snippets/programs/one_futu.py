from futu import RET_OK, OpenQuoteContext

context = OpenQuoteContext(host="127.0.0.1", port=11111)
ret, data = context.get_capital_distribution("HK.00700")
print(data["capital_in_big"][0] if ret == RET_OK else data)
context.close()
