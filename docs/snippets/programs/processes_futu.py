import fcntl
import time
from pathlib import Path

from futu import RET_OK, OpenQuoteContext

FILE = Path("capdist.turns")


def wait_for_turn() -> None:
    """Take one of 30 turns in 30 seconds that all processes share."""
    while True:
        with FILE.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            now = time.time()
            turns = [float(line) for line in file.readlines()[-30:]]
            if len(turns) < 30 or turns[0] < now - 30.5:
                file.write(f"{now}\n")
                return
        time.sleep(turns[0] + 30.5 - now)


context = OpenQuoteContext(host="127.0.0.1", port=11111)
for code in [f"HK.{n:05d}" for n in range(1, 21)]:
    wait_for_turn()
    ret, data = context.get_capital_distribution(code)
    if ret != RET_OK:
        raise RuntimeError(data)
    print(code, data["capital_in_big"][0])
context.close()
