import sqlite3
import time

from futu import RET_OK, OpenQuoteContext

CODES = ["HK.00700", "HK.00005"]
TIERS = ("super", "big", "mid", "small")
FIELDS = [f"capital_{side}_{tier}" for side in ("in", "out") for tier in TIERS]

context = OpenQuoteContext(host="127.0.0.1", port=11111)
database = sqlite3.connect("day.sqlite")
columns = ", ".join(f"{field} REAL" for field in FIELDS)
key = "PRIMARY KEY (code, update_time)"
database.execute(f"CREATE TABLE IF NOT EXISTS figures (code, update_time, {columns}, {key})")
for code in CODES:
    ret, data = context.get_capital_distribution(code)
    if ret == RET_OK:
        row = data.iloc[0]
        values = [code, row["update_time"], *(float(row[field]) for field in FIELDS)]
        places = ", ".join("?" * len(values))
        database.execute(f"INSERT OR REPLACE INTO figures VALUES ({places})", values)  # noqa: S608
        database.commit()
    time.sleep(1)
context.close()
query = "SELECT code, capital_in_big FROM figures WHERE code = ? ORDER BY update_time"
for code, amount in database.execute(query, ["HK.00700"]):
    print(code, amount)
