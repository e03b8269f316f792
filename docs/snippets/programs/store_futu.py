import sqlite3
import time

from futu import RET_OK, OpenQuoteContext

CODES = ["HK.00700", "HK.00005"]
TIERS = ("super", "big", "mid", "small")
FIELDS = [f"capital_{side}_{tier}" for side in ("in", "out") for tier in TIERS]

context = OpenQuoteContext(host="127.0.0.1", port=11111)
database = sqlite3.connect("day.sqlite")
columns = ", ".join(["code", "update_time", *FIELDS])
key = "PRIMARY KEY (code, update_time)"
database.execute(f"CREATE TABLE IF NOT EXISTS figures ({columns}, {key})")
for code in CODES:
    ret, data = context.get_capital_distribution(code)
    if ret == RET_OK:
        row = data.iloc[0]
        amounts = [float(row[field]) for field in FIELDS]
        places = ", ".join("?" * (len(amounts) + 2))
        insert = f"INSERT OR REPLACE INTO figures VALUES ({places})"  # noqa: S608
        database.execute(insert, [code, row["update_time"], *amounts])
        database.commit()
    time.sleep(1)
context.close()
query = "SELECT code, capital_in_big FROM figures WHERE code = ?"
for code, amount in database.execute(f"{query} ORDER BY update_time", ["HK.00700"]):
    print(code, amount)
