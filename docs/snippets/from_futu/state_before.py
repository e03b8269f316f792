from futu import RET_OK, OpenQuoteContext

context = OpenQuoteContext(host="127.0.0.1", port=11111)
ret, data = context.get_global_state()
if ret == RET_OK:
    print(data["market_hk"])
    print(data["qot_logined"])
context.close()
