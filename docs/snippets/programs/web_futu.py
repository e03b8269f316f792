import math
import threading
import time
from collections import deque

from fastapi import FastAPI, HTTPException
from futu import RET_OK, OpenQuoteContext

app = FastAPI()
context = OpenQuoteContext(host="127.0.0.1", port=11111)
lock = threading.Lock()
asked: deque[float] = deque(maxlen=30)


def wait_for_turn(longest: float) -> None:
    """Wait until fewer than 30 calls were made in the last 30 seconds."""
    with lock:
        free_at = asked[0] + 30.5 if len(asked) == 30 else 0.0
        now = time.monotonic()
        if free_at - now > longest:
            headers = {"Retry-After": str(math.ceil(free_at - now))}
            raise HTTPException(429, "too many requests", headers)
        asked.append(max(now, free_at))
    time.sleep(max(0.0, free_at - now))


@app.get("/{code}")
def figures(code: str) -> float:
    wait_for_turn(5.0)
    ret, data = context.get_capital_distribution(code)
    if ret != RET_OK:
        raise HTTPException(404, str(data))
    return float(data["capital_in_big"][0])
