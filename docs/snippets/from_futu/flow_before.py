from futu import RET_OK, OpenQuoteContext, PeriodType

context = OpenQuoteContext(host="127.0.0.1", port=11111)
ret, data = context.get_capital_flow("HK.00700", period_type=PeriodType.DAY)
if ret == RET_OK:
    for _, row in data.tail(3).iterrows():
        print(row["capital_flow_item_time"], row["in_flow"])
context.close()
