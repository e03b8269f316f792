from futu import RET_OK, OpenQuoteContext

context = OpenQuoteContext(host="127.0.0.1", port=11111)
ret, data = context.get_capital_distribution("HK.00700")
if ret == RET_OK:
    print(data["capital_in_big"][0])
    print(data["update_time"][0])
else:
    print("error:", data)
context.close()
