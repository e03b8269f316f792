import os
import time
import uuid

from futu import RET_OK, OpenQuoteContext
from redis import Redis

TAKE = """
local now = redis.call("TIME")
local at = now[1] + now[2] / 1000000
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", at - 30.5)
if redis.call("ZCARD", KEYS[1]) < 30 then
    redis.call("ZADD", KEYS[1], at, ARGV[1])
    redis.call("EXPIRE", KEYS[1], 60)
    return 1
end
return 0
"""
server = Redis.from_url(os.environ["AIOCAPDIST_REDIS"])


def wait_for_turn() -> None:
    """Take one of 30 turns in 30 seconds that all machines share."""
    while not server.eval(TAKE, 1, "capdist", str(uuid.uuid4())):
        time.sleep(0.5)


context = OpenQuoteContext(host="127.0.0.1", port=11111)
for code in ["HK.00700", "HK.00005"]:
    wait_for_turn()
    ret, data = context.get_capital_distribution(code)
    if ret != RET_OK:
        raise RuntimeError(data)
    print(code, data["capital_in_big"][0])
context.close()
